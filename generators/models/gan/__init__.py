"""`gan`: a conditional adversarial network over coded rows, for those who come from CTGAN."""
