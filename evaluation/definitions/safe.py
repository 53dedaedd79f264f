"""The metrics of what a release would tell about real people."""

from __future__ import annotations

from evaluation.definitions.definition import Definition

SAFE: dict[str, Definition] = {
    "collisions": Definition(
        "Rows copied from real people",
        "safe",
        "lower",
        "share",
        "band",
        "Share of synthetic rows that equal a row the generator learned from. Real people who were held out collide by chance too: "
        "the share beside it is theirs, and only more than theirs suggests copying.",
        "UCLPartners framework annex 3, collision analysis, with a holdout as control",
    ),
    "rare_row_collisions": Definition(
        "Rows copied from rare people",
        "safe",
        "lower",
        "share",
        "withheld",
        "The same, counting only real rows that fewer people share than the policy's minimum.",
        "collision analysis restricted to small cells",
    ),
    "unexplained_copies": Definition(
        "Copies that chance does not explain",
        "safe",
        "lower",
        "count",
        "withheld",
        "How many synthetic rows equal a row the generator learned from in every column, where chance would hardly ever give so "
        "many; else 0. A single copy counts where nobody else comes near that person.",
        "P < 0.005 by Poisson; chance from how fast agreement in more and more columns becomes rarer among different people of train, "
        "leaving one out (I. J. Good 1953)",
    ),
    "rare_values": Definition(
        "Rare real values that appear",
        "safe",
        "lower",
        "count",
        "band",
        "How many values of categories, identifiers or free text that belong to fewer people than the policy's minimum appear in the "
        "synthetic table. None should.",
        "small-number suppression (NHS artificial data; disclosure policy)",
    ),
    "rare_phrases": Definition(
        "Texts with a rare real phrase",
        "safe",
        "lower",
        "share",
        "band",
        "Share of synthetic texts with a phrase of three to five words that fewer people than the policy's minimum have used, word for "
        "word. Texts of people held out have some by chance: the share beside it is theirs.",
        "small-number suppression (disclosure policy) of phrases of 3, 4 and 5 words; interval: Wilson 1927",
    ),
    "text_identifiers": Definition(
        "Identifiers in texts",
        "safe",
        "lower",
        "count",
        "band",
        "How many synthetic texts hold what identifies somebody: an NHS number, an e-mail address, a telephone number, a full postcode, or "
        "a full date such as a date of birth. None should.",
        "NHS number by its check digit (modulus 11), UK formats of the others; read in the synthetic texts alone",
    ),
    "rare_extremes": Definition(
        "Real extremes that appear",
        "safe",
        "lower",
        "count",
        "withheld",
        "In how many number and date columns the smallest or largest real value, if it belongs to fewer people than the policy's "
        "minimum, appears in the synthetic table. Where values lie close together this happens by chance.",
        "top and bottom coding (ONS statistical disclosure control)",
    ),
    "nearer_to_train": Definition(
        "Nearer to people learned from than to others",
        "safe",
        "half",
        "share",
        "withheld",
        "Share of synthetic rows whose nearest real row is one the generator learned from, rather than one of as many held out: one half "
        "where it learned nothing about single people. A screen, not a proof: rows that pass can still leak.",
        "distance to closest record by Gower's coefficient (1971) against a holdout of equal size, ties counted half",
    ),
    "nearest_ratio": Definition(
        "Nearest against second nearest real row",
        "safe",
        "higher",
        "score",
        "withheld",
        "The median over synthetic rows of the distance to the nearest real row, divided by that to the second "
        "nearest: near 0, rows lie on "
        "single real ones. Rows of one person count together as much as one row.",
        "nearest-neighbour distance ratio by Gower's coefficient, rows weighed by persons",
    ),
    "authenticity": Definition(
        "Authenticity",
        "safe",
        "higher",
        "share",
        "withheld",
        "Share of synthetic rows further from their nearest real row than that row is from its own nearest real "
        "neighbour. A copy has none.",
        "A. M. Alaa and others, ICML 2022, in Gower's distance; ties counted half",
    ),
    "membership_quasi_auc": Definition(
        "Membership inference from quasi-identifiers alone",
        "safe",
        "half",
        "score",
        "withheld",
        "How well an attacker who has the released rows, and of each person only what others may know (the quasi-identifiers), tells "
        "people learned from from people held out: 0.5 guessing, 1 always.",
        "area under the ROC curve of minus the distance to the nearest released row in quasi-identifiers; interval: Hanley and McNeil 1982",
    ),
    "membership_quasi_caught": Definition(
        "People found with one false alarm in a hundred (quasi-identifiers known)",
        "safe",
        "lower",
        "share",
        "withheld",
        "Share of the people learned from whom that attacker finds, accusing one in a hundred of the others: 1% is guessing.",
        "true-positive rate at 1% false positives (N. Carlini and others 2022); interval: Wilson 1927, and of the threshold",
    ),
    "membership_distance_auc": Definition(
        "Membership inference from the released rows",
        "safe",
        "half",
        "score",
        "withheld",
        "How well an attacker who has the released rows alone tells people learned from (whoever lies nearest to a "
        "released row) from people "
        "held out: 0.5 guessing, 1 always.",
        "area under the ROC curve of minus the distance to the nearest released row; interval: Hanley and McNeil 1982",
    ),
    "membership_distance_caught": Definition(
        "People found with one false alarm in a hundred (released rows)",
        "safe",
        "lower",
        "share",
        "withheld",
        "Share of the people learned from whom that attacker finds, accusing one in a hundred of the others: 1% is guessing.",
        "true-positive rate at 1% false positives (N. Carlini and others 2022); interval: Wilson 1927, and of the threshold",
    ),
    "membership_density_auc": Definition(
        "Membership inference with other real people",
        "safe",
        "half",
        "score",
        "withheld",
        "The same for an attacker who also has real people of the same kind, and asks where released rows are denser than those.",
        "area under the ROC curve of a ratio of densities, by nearest rows (B. van Breugel and others, DOMIAS, 2023); "
        "interval: Hanley and McNeil 1982",
    ),
    "membership_density_caught": Definition(
        "People found with one false alarm in a hundred (other real people known)",
        "safe",
        "lower",
        "share",
        "withheld",
        "Share of the people learned from whom that attacker finds, accusing one in a hundred of the others: 1% is guessing.",
        "true-positive rate at 1% false positives (N. Carlini and others 2022); interval: Wilson 1927, and of the threshold",
    ),
    "singling_out": Definition(
        "Singling out",
        "safe",
        "lower",
        "share",
        "withheld",
        "By how much more often what fits one released row fits exactly one person learned from than exactly one held out.",
        "(attack − control) / (1 − control) over 1,000 predicates on 3 columns; Article 29 Working Party, Opinion "
        "05/2014; interval: Newcombe 1998",
    ),
    "linkability": Definition(
        "Linkability",
        "safe",
        "lower",
        "share",
        "withheld",
        "By how much more often a released row ties two halves of what is known of a person together for people "
        "learned from than for people "
        "held out.",
        "(attack − control) / (1 − control); Article 29 Working Party, Opinion 05/2014; interval: Newcombe 1998",
    ),
    "inference": Definition(
        "Attribute inference",
        "safe",
        "lower",
        "share",
        "withheld",
        "By how much more often a sensitive column is guessed from the nearest released row for people learned from "
        "than for people held out.",
        "(attack − control) / (1 − control); a number is right within 5% of the range; Article 29 Working Party, Opinion 05/2014",
    ),
    "matching_uniques": Definition(
        "Rows alone that match a person alone",
        "safe",
        "lower",
        "share",
        "withheld",
        "Share of synthetic rows that no other row equals in its quasi-identifiers, and that equal exactly one real person in them.",
        "k-anonymity (L. Sweeney 2002): matching uniques",
    ),
    "uniques": Definition(
        "Rows alone with their quasi-identifiers",
        "safe",
        "lower",
        "share",
        "withheld",
        "Share of synthetic rows whose quasi-identifiers no other synthetic row has. That is no leak by itself; compare the row above.",
        "k-anonymity (L. Sweeney 2002): classes of one",
    ),
    "small_classes": Definition(
        "Rows in small classes of quasi-identifiers",
        "safe",
        "lower",
        "share",
        "withheld",
        "Share of synthetic rows whose quasi-identifiers fewer synthetic rows have than the policy's minimum. That is no leak by itself: "
        "compare it with real people's, and with the share that matches a real person.",
        "k-anonymity (L. Sweeney 2002): classes smaller than the minimum",
    ),
    "smallest_class": Definition(
        "Smallest class of quasi-identifiers",
        "safe",
        "higher",
        "count",
        "withheld",
        "Rows of the smallest group of synthetic rows with the same quasi-identifiers: the k of k-anonymity. 1: a row is alone.",
        "k-anonymity (L. Sweeney 2002): k",
    ),
    "exposed_recognised": Definition(
        "Most exposed people who could be recognised",
        "safe",
        "lower",
        "share",
        "band",
        "The people learned from whose values are rarest, 100 at least, are attacked one by one by somebody who knows everybody else: "
        "share of them near whom a released row lies more strikingly than near as rare people never seen, at one false alarm in a hundred "
        "(in fifty, of fewer). 1% or 2% is chance.",
        "ratio of densities by nearest rows (B. van Breugel and others, DOMIAS, 2023) at 1% false positives of the same share of most "
        "exposed people held out; interval: Wilson 1927, and of the threshold",
    ),
    "membership_shadow_auc": Definition(
        "Membership inference of the most exposed people by shadow models",
        "safe",
        "half",
        "score",
        "withheld",
        "How well an attacker who also has the method, and fits it again to other real people with and without somebody, tells "
        "the most exposed people learned from, 100 at least, from those held out: 0.5 guessing, 1 always.",
        "likelihood ratio against shadow models (N. Carlini and others 2022, section VI-D); interval: Hanley and McNeil 1982",
    ),
    "membership_shadow_caught": Definition(
        "Most exposed people recognised by shadow models",
        "safe",
        "lower",
        "share",
        "band",
        "Share of the most exposed people learned from, 100 at least, whom that attacker finds, with one false alarm in a hundred of those "
        "held out. 1% or 2% is chance.",
        "true-positive rate at 1% false positives (N. Carlini and others 2022); interval: Wilson 1927, and of the threshold",
    ),
    "holdout_seen": Definition(
        "Rows copied from people held out",
        "safe",
        "lower",
        "share",
        "band",
        "Share of synthetic rows that equal a row of somebody held out and of nobody the generator learned from. More than the share "
        "beside it, which is chance, means that the generator saw people held out: then no other figure of privacy can be relied on.",
        "collision analysis against the holdout, with its other half as control",
    ),
}
