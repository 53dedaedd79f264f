"""The way in: files and folders to canonical Parquet, and back to CSV."""
