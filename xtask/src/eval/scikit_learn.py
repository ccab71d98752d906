#!/usr/bin/env python3
"""What scikit-learn's logistic regression over TF-IDF of n-grams finds on the same folds.

    cargo xtask eval url seed=1 scores=/tmp/url.tsv
    python3 xtask/src/eval/scikit_learn.py url /tmp/url.tsv

Needs scikit-learn (figures in docs/EVALUATION.md: 1.9.1). The texts are those that the models judge,
without the habits of collectors.
"""

import re
import sys

import numpy as np
from scipy.stats import rankdata
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def plain(text):
    """Takes off what only tells how a URL was collected."""
    text = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]{0,11}://", "", text.strip()).replace("&amp;", "&")
    host, slash, rest = text.partition("/")
    host = re.sub(r"^www\d{0,2}\.(?=.*\.)", "", host.rsplit("@", 1)[-1].lower())
    host = re.sub(r":\d*$", "", host)
    return (host + slash + rest.split("#")[0]).rstrip("/?&")


def figures(name, scores, labels):
    """Prints area under the curve and shares found."""
    good = np.sort(scores[labels == 0])[::-1]
    bad = scores[labels == 1]
    cuts = [good[int(len(good) * share)] for share in (0.001, 0.01)]
    ranks = rankdata(scores)
    below = ranks[labels == 1].sum() - len(bad) * (len(bad) + 1) / 2
    area = below / len(bad) / len(good)
    found = " ".join(f"{np.mean(bad > cut):.1%}" for cut in cuts)
    print(f"{name}: AUC {area:.4f}, found at 0.1 % and 1 %: {found}", flush=True)


def main():
    subject, path = sys.argv[1:3]
    lengths = (3, 5) if subject == "url" else (1, 4)
    with open(path, encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t", 8) for line in lines]
    labels = np.array([int(row[0]) for row in rows])
    learned = np.array([row[5] == "0" for row in rows])
    judged = learned & np.array([row[6] == "0" for row in rows])
    texts = np.array([plain(row[8]) for row in rows], dtype=object)
    deals = [("by registered domain", 1, 3)]
    if subject == "domain":
        deals.append(("families never seen", 2, 4))
    for name, fold_at, margin_at in deals:
        folds = np.array([int(row[fold_at]) for row in rows])
        scores = np.zeros(len(rows))
        for fold in np.unique(folds):
            seen = (folds != fold) & learned
            left_out = folds == fold
            ngrams = TfidfVectorizer(
                analyzer="char", ngram_range=lengths, min_df=2, sublinear_tf=True, lowercase=False
            )
            model = LogisticRegression(C=10, solver="liblinear")
            model.fit(ngrams.fit_transform(texts[seen]), labels[seen])
            scores[left_out] = model.decision_function(ngrams.transform(texts[left_out]))
        figures(f"scikit-learn, {name}", scores[judged], labels[judged])
        ours = np.array([float(row[margin_at]) for row in rows])
        figures(f"Wardnet, {name}", ours[judged], labels[judged])


if __name__ == "__main__":
    main()
