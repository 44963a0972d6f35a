// The search shows the object that is meant by its name, then guides, then the reference, then what changed.
var Scorer = {
    score: ([page, , , , score]) => {
        if (/CHANGELOG$|changes$/.test(page)) return score - 30;
        if (/^docs\/all-pages$|^CONTRIBUTING$/.test(page)) return score - 15;
        return /^docs\/(?!reference\/)/.test(page) ? score + 15 : score;
    },
    objNameMatch: 40,
    objPartialMatch: 6,
    objPrio: {0: 15, 1: 5, 2: -5},
    objPrioDefault: 0,
    title: 15,
    partialTitle: 7,
    term: 5,
    partialTerm: 2,
};
