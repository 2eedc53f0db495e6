"""Figures, vector graphics, tables and pages: draws what it is given and knows no result."""
