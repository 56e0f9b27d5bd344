<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28.0" styleCategories="Symbology">
 <pipe>
  <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">
   <rasterTransparency />
   <colorPalette>
    <paletteEntry value="1" color="#006400" label="1 mangrove" alpha="255" />
    <paletteEntry value="2" color="#808000" label="2 terrestrial vegetation" alpha="255" />
    <paletteEntry value="3" color="#00008b" label="3 sea" alpha="255" />
    <paletteEntry value="4" color="#ffd700" label="4 anthropized area" alpha="255" />
    <paletteEntry value="5" color="#ffdead" label="5 bare soil" alpha="255" />
    <paletteEntry value="6" color="#000000" label="6 flooded bare soil" alpha="255" />
    <paletteEntry value="7" color="#a0a0a0" label="7 flooded anthropized area" alpha="255" />
    <paletteEntry value="8" color="#00ff00" label="8 migrated mangrove" alpha="255" />
    <paletteEntry value="9" color="#ff0000" label="9 flooded mangrove" alpha="255" />
    <paletteEntry value="10" color="#5a5a5a" label="10 flooded vegetation" alpha="255" />
   </colorPalette>
  </rasterrenderer>
 </pipe>
 <blendMode>0</blendMode>
</qgis>
