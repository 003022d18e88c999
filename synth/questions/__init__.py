"""Questions that documents answer: forum threads, exercises with solutions, lists of questions."""
