"""What a run did, for people: manifests and statistics -> terminal tables and one HTML page.

Everything here is a function of manifests (and of a few sample rows), so a report can be made
again, or made better, without running anything. No Beam.
"""
