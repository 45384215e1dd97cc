//! An index of documents with three fields, and its search: BM25F, which is BM25 over a weighted sum of the fields.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::words::terms;

/// The saturation of repeated terms.
const K1: f32 = 1.2;
/// The share of the length normalisation.
const B: f32 = 0.75;

/// The weights of the fields.
const NAME: f32 = 3.0;
const DESCRIPTION: f32 = 1.5;
const ARGUMENT: f32 = 0.5;

/// The weight of a term that only begins like the term of the query, such as `repositori` for `repo`.
const PREFIX: f32 = 0.6;
/// The length from which a term of the query may be the beginning of other terms.
const SHORTEST_PREFIX: usize = 2;

/// The texts of a document.
#[derive(Default)]
pub(crate) struct Document<'a> {
    pub(crate) names: Vec<&'a str>,
    pub(crate) descriptions: Vec<&'a str>,
    pub(crate) arguments: Vec<&'a str>,
}

/// The occurrences of terms in documents, which are known by their positions.
pub(crate) struct Index {
    /// The terms in their alphabetic order.
    terms: Vec<Box<str>>,
    /// The documents of each term.
    postings: Vec<Postings>,
    documents: usize,
}

/// The documents of a term.
struct Postings {
    /// The weight of the term: how rare it is.
    rarity: f32,
    /// The positions of the documents, each with the saturated frequency of the term in it.
    found: Box<[(u32, f32)]>,
}

/// The frequencies of a term in documents, before they are saturated.
type Frequencies = Vec<(u32, f32)>;

impl Index {
    /// Builds the index of these documents.
    pub(crate) fn new<'a>(documents: impl Iterator<Item = Document<'a>>) -> Self {
        let mut counts = Counts::default();
        for (document, position) in documents.zip(0..) {
            counts.add(&document, position);
        }
        let Counts { terms, lengths } = counts;
        #[allow(clippy::cast_precision_loss)] // a mean needs no more
        let mean = (lengths.iter().sum::<f32>() / lengths.len() as f32).max(1.0);
        let of_term = |(term, found)| (term, Postings::new(found, &lengths, mean));
        let mut terms: Vec<_> = terms.into_iter().collect();
        terms.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (terms, postings) = terms.into_iter().map(of_term).unzip();
        Self {
            terms,
            postings,
            documents: lengths.len(),
        }
    }

    /// Returns the positions of the documents that match a query, from the best match on. Equal matches are in the order of
    /// their positions.
    pub(crate) fn search(&self, query: &str) -> impl Iterator<Item = usize> + use<> {
        let mut scores = vec![0.0; self.documents];
        terms(query, |term| self.add(term, &mut scores));
        let found = scores.into_iter().zip(0..);
        let found = found.filter(|(score, _)| *score > 0.0);
        let mut best: BinaryHeap<Match> = found
            .map(|(score, position)| Match { score, position })
            .collect();
        std::iter::from_fn(move || Some(best.pop()?.position))
    }

    /// Adds the weights of a term of the query to the scores of the documents.
    fn add(&self, term: &str, scores: &mut [f32]) {
        let start = self.terms.partition_point(|other| **other < *term);
        if self.terms.get(start).is_some_and(|other| **other == *term) {
            for (position, weight) in self.postings[start].weights() {
                scores[position] += weight;
            }
        } else if term.chars().count() >= SHORTEST_PREFIX {
            let longer = self.terms[start..].iter();
            let count = longer.take_while(|it| it.starts_with(term)).count();
            add_best(&self.postings[start..start + count], scores);
        }
    }
}

/// Adds the weights of terms that begin like a term of the query. A document counts its best one only.
fn add_best(postings: &[Postings], scores: &mut [f32]) {
    let mut best = BTreeMap::<usize, f32>::new();
    for (position, weight) in postings.iter().flat_map(Postings::weights) {
        let highest = best.entry(position).or_default();
        *highest = highest.max(weight);
    }
    for (position, weight) in best {
        scores[position] += PREFIX * weight;
    }
}

/// The frequencies of terms in documents.
#[derive(Default)]
struct Counts {
    terms: HashMap<Box<str>, Frequencies>,
    /// The length of each document.
    lengths: Vec<f32>,
}

impl Counts {
    /// Adds a document. The terms of its fields are weighted, also in its length.
    fn add(&mut self, document: &Document<'_>, position: u32) {
        let mut length = 0.0;
        for (texts, weight) in [
            (&document.names, NAME),
            (&document.descriptions, DESCRIPTION),
            (&document.arguments, ARGUMENT),
        ] {
            for text in texts {
                terms(text, |term| {
                    length += weight;
                    self.add_term(term, position, weight);
                });
            }
        }
        self.lengths.push(length);
    }

    fn add_term(&mut self, term: &str, position: u32, weight: f32) {
        let Some(found) = self.terms.get_mut(term) else {
            self.terms.insert(term.into(), vec![(position, weight)]);
            return;
        };
        match found.last_mut() {
            Some((last, frequency)) if *last == position => *frequency += weight,
            _ => found.push((position, weight)),
        }
    }
}

impl Postings {
    #[allow(clippy::cast_precision_loss)] // numbers of documents
    fn new(found: Frequencies, lengths: &[f32], mean: f32) -> Self {
        let (all, with) = (lengths.len() as f32, found.len() as f32);
        let saturated = found.into_iter().map(|(position, frequency)| {
            let length = lengths.get(position as usize).copied().unwrap_or(mean);
            let norm = K1 * (1.0 - B + B * length / mean);
            (position, frequency * (K1 + 1.0) / (frequency + norm))
        });
        Self {
            rarity: ((all - with + 0.5) / (with + 0.5)).ln_1p(),
            found: saturated.collect(),
        }
    }

    fn weights(&self) -> impl Iterator<Item = (usize, f32)> {
        let rarity = self.rarity;
        self.found
            .iter()
            .map(move |(position, frequency)| (*position as usize, rarity * frequency))
    }
}

/// A document that matches a query. The greatest is the best match.
struct Match {
    score: f32,
    position: usize,
}

impl Ord for Match {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.position.cmp(&self.position))
    }
}

impl PartialOrd for Match {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Match {}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(documents: &[(&str, &str, &str)]) -> Index {
        Index::new(
            documents
                .iter()
                .map(|(name, description, argument)| Document {
                    names: vec![name],
                    descriptions: vec![description],
                    arguments: vec![argument],
                }),
        )
    }

    fn find(index: &Index, query: &str) -> Vec<usize> {
        index.search(query).collect()
    }

    #[test]
    fn the_best_match_is_first() {
        let index = index(&[
            ("list_orders", "List the orders of a customer.", "customer"),
            ("create_refund", "Pay an order back.", "order_id amount"),
            ("get_weather", "Get the forecast of a city.", "city days"),
            ("search_cities", "Find cities by their names.", "query"),
        ]);
        for (query, expected) in [
            ("weather forecast", &[2][..]),
            ("refunding", &[1]),
            // A name counts more than a description, and that more than an argument.
            ("orders", &[0, 1]),
            ("city", &[3, 2]),
            ("cust", &[0]),
            ("WEATHER", &[2]),
            ("the of a", &[]),
            ("zebra", &[]),
            ("ci", &[3, 2]),
            ("c", &[]),
            ("", &[]),
        ] {
            assert_eq!(find(&index, query), expected, "{query}");
        }
    }

    #[test]
    fn equal_matches_keep_their_order() {
        let same = ("ping", "Ping a host.", "host");
        let index = index(&[same; 100]);
        assert_eq!(find(&index, "ping the host"), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_rare_term_counts_more_than_a_common_one() {
        let index = index(&[
            ("list_files", "List files.", ""),
            ("list_users", "List users.", ""),
            ("list_invoices", "List invoices.", ""),
            ("print_invoices", "Print invoices.", ""),
        ]);
        assert_eq!(find(&index, "list print").first(), Some(&3));
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        assert!(find(&index(&[]), "anything").is_empty());
    }
}
