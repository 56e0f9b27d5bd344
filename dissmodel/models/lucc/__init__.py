"""Land-use change: CLUE (Verburg et al. 1999, 2002) as INPE's LuccME 3.1 computes it (Aguiar 2006)."""
