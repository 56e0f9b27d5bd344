<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28.0" styleCategories="Symbology">
 <renderer-v2 type="categorizedSymbol" attr="uso" symbollevels="0" forceraster="0">
  <categories>
   <category symbol="0" value="1" label="1 mangrove" render="true" type="long" />
   <category symbol="1" value="2" label="2 terrestrial vegetation" render="true" type="long" />
   <category symbol="2" value="3" label="3 sea" render="true" type="long" />
   <category symbol="3" value="4" label="4 anthropized area" render="true" type="long" />
   <category symbol="4" value="5" label="5 bare soil" render="true" type="long" />
   <category symbol="5" value="6" label="6 flooded bare soil" render="true" type="long" />
   <category symbol="6" value="7" label="7 flooded anthropized area" render="true" type="long" />
   <category symbol="7" value="8" label="8 migrated mangrove" render="true" type="long" />
   <category symbol="8" value="9" label="9 flooded mangrove" render="true" type="long" />
   <category symbol="9" value="10" label="10 flooded vegetation" render="true" type="long" />
  </categories>
  <symbols>
   <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="0,100,0,255" />
      <Option name="outline_color" type="QString" value="0,100,0,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="0,100,0,255" />
     <prop k="outline_color" v="0,100,0,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="128,128,0,255" />
      <Option name="outline_color" type="QString" value="128,128,0,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="128,128,0,255" />
     <prop k="outline_color" v="128,128,0,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="0,0,139,255" />
      <Option name="outline_color" type="QString" value="0,0,139,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="0,0,139,255" />
     <prop k="outline_color" v="0,0,139,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="255,215,0,255" />
      <Option name="outline_color" type="QString" value="255,215,0,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="255,215,0,255" />
     <prop k="outline_color" v="255,215,0,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="255,222,173,255" />
      <Option name="outline_color" type="QString" value="255,222,173,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="255,222,173,255" />
     <prop k="outline_color" v="255,222,173,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="5" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="0,0,0,255" />
      <Option name="outline_color" type="QString" value="0,0,0,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="0,0,0,255" />
     <prop k="outline_color" v="0,0,0,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="6" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="160,160,160,255" />
      <Option name="outline_color" type="QString" value="160,160,160,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="160,160,160,255" />
     <prop k="outline_color" v="160,160,160,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="7" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="0,255,0,255" />
      <Option name="outline_color" type="QString" value="0,255,0,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="0,255,0,255" />
     <prop k="outline_color" v="0,255,0,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="8" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="255,0,0,255" />
      <Option name="outline_color" type="QString" value="255,0,0,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="255,0,0,255" />
     <prop k="outline_color" v="255,0,0,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
   <symbol type="fill" name="9" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="90,90,90,255" />
      <Option name="outline_color" type="QString" value="90,90,90,255" />
      <Option name="outline_style" type="QString" value="solid" />
      <Option name="outline_width" type="QString" value="0.05" />
      <Option name="outline_width_unit" type="QString" value="MM" />
      <Option name="style" type="QString" value="solid" />
     </Option>
     <prop k="color" v="90,90,90,255" />
     <prop k="outline_color" v="90,90,90,255" />
     <prop k="outline_style" v="solid" />
     <prop k="outline_width" v="0.05" />
     <prop k="outline_width_unit" v="MM" />
     <prop k="style" v="solid" />
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
</qgis>
