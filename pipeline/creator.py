"""Who writes a product: this program, in this version."""

CREATOR = "ccd-pipeline 0.1.0"
