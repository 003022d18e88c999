"""The run: records, storage, Beam transforms, recipes, reports and the command line.

Nothing is imported here: an import would pull Beam into every filter that needs a record.
"""
