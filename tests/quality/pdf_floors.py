"""What the PDF extractor reached, in hundredths, by kind and column of the scorer.

Floors only rise: ``python -m benchmarks.pdf_quality --dataset DIR --floors`` prints this table
with every floor raised to what it sees.
"""

FLOORS: dict[str, dict[str, float]] = {
    "ALL": {
        "pres": 95.4,
        "para": 95.9,
        "ord": 93.0,
        "head": 95.0,
        "foot": 99.5,
        "cap": 99.5,
        "hdr": 99.5,
        "pgno": 98.6,
        "fsym": 98.2,
        "fstr": 96.3,
        "fsD": 95.3,
        "fsI": 99.5,
        "ctxt": 91.4,
        "cind": 91.4,
        "cfen": 93.3,
        "tab": 99.5,
    },
    "synth2col": {
        "pres": 98.8,
        "para": 94.1,
        "ord": 98.4,
        "head": 99.5,
        "foot": 99.5,
        "cap": 99.5,
        "hdr": 99.5,
        "pgno": 99.5,
        "fsym": 99.5,
        "fstr": 99.5,
        "fsD": 99.5,
        "fsI": 99.5,
        "ctxt": 99.5,
        "cind": 99.5,
        "cfen": 99.5,
        "tab": 99.5,
    },
    "tex2col": {
        "pres": 97.4,
        "ord": 95.4,
        "head": 88.9,
        "hdr": 99.5,
        "pgno": 99.5,
        "fsym": 93.5,
        "fstr": 84.5,
        "fsD": 83.2,
        "fsI": 99.5,
        "ctxt": 88.2,
        "cind": 88.2,
        "cfen": 95.3,
    },
}
