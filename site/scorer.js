// What the search puts first: the page about a word, then the functions of that name, then pages that use it.
var Scorer = {
  title: 15,
  partialTitle: 12,
  objNameMatch: 8,
  objPartialMatch: 4,
  objPrio: { 0: 1, 1: 0, 2: -5 },
  objPrioDefault: 0,
  term: 3,
  partialTerm: 1,
};
