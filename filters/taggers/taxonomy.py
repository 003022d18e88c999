"""The classes the tagger was trained on: WebOrganizer's topics and formats, in its order.

Source: WebOrganizer (arXiv 2502.10341): a class id is its place in the tuple.
"""

TOPICS = (
    "adult",
    "art_and_design",
    "software_development",
    "crime_and_law",
    "education_and_jobs",
    "electronics_and_hardware",
    "entertainment",
    "social_life",
    "fashion_and_beauty",
    "finance_and_business",
    "food_and_dining",
    "games",
    "health",
    "history_and_geography",
    "home_and_hobbies",
    "industrial",
    "literature",
    "politics",
    "religion",
    "science_math_and_technology",
    "software",
    "sports_and_fitness",
    "transportation",
    "travel_and_tourism",
)

FORMATS = (
    "academic_writing",
    "content_listing",
    "creative_writing",
    "customer_support",
    "discussion_or_comment",
    "faqs",
    "incomplete_content",
    "knowledge_article",
    "legal_notices",
    "listicle",
    "news_article",
    "nonfiction_writing",
    "organizational_about",
    "organizational_announcement",
    "personal_about",
    "personal_blog",
    "product_page",
    "q_and_a_forum",
    "spam_or_ads",
    "structured_data",
    "technical_writing",
    "transcript_or_interview",
    "tutorial_or_how_to",
    "user_reviews",
)

HIGH_QUALITY_FORMATS = frozenset(
    {
        "academic_writing",
        "knowledge_article",
        "q_and_a_forum",
        "technical_writing",
        "tutorial_or_how_to",
    }
)
"""Formats that MiMo-7B (arXiv 2505.07608, section 2.1) would sample up: weak labels of quality."""

LOW_QUALITY_FORMATS = frozenset(
    {
        "content_listing",
        "incomplete_content",
        "legal_notices",
        "product_page",
        "spam_or_ads",
    }
)
"""Formats with little to learn from. A page of any other format has no label of quality."""

LOW_QUALITY, HIGH_QUALITY = "low", "high"
"""Labels of the quality head."""
