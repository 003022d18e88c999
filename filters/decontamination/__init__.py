"""Finding benchmark questions and answers in documents, by hashes of their words."""
