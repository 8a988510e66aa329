"""Breast tumours: from measurements to a diagnosis."""
