"""Small trained models that name a document's topic and judge its quality."""
