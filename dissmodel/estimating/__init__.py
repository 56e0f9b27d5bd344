"""Coefficients and demands from observed maps of land use.

`regression` and `extrapolation` have the functions on arrays; `dissmodel.run("lucc_fit", …)` and
`dissmodel.run("lucc_demand", …)` read maps, write tables and leave a record.
"""
