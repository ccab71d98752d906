//! Datagrams that came at once, answered together.
//!
//! Most questions are about one thing. Those of a batch are asked together, so that their names are
//! hashed in one go and their entries are on the way from memory while others are answered.

use super::answer::{From, Lists, Taken};
use super::judge::{Said, Silence};
use super::question::Asked;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::sync::Arc;
use wardnet_model::{Indicator, SuffixList};
use wardnet_server::udp::{Answerer, Datagram};
use wardnet_verdictdb::Question;

/// Datagrams that are answered together: what is kept of them lies on the stack.
const TOGETHER: usize = 16;

impl Taken<'_, '_> {
    /// The one thing asked about, where that is all.
    fn indicator(&self) -> Option<&Indicator> {
        match &self.asked {
            Some(Asked::About(indicator)) => Some(indicator),
            _ => None,
        }
    }
}

impl Lists {
    fn answer_some(&mut self, datagrams: &[Datagram<'_>], answers: &mut [Vec<u8>]) {
        let Self { shared, desk } = self;
        let mut about: SmallVec<[(Taken<'_, '_>, &mut Vec<u8>); TOGETHER]> = SmallVec::new();
        for (datagram, out) in datagrams.iter().zip(answers) {
            let from = From { address: datagram.from.ip().to_canonical(), udp: true };
            match desk.take(shared, from, datagram.bytes, out) {
                Some(taken) if taken.indicator().is_some() => about.push((taken, out)),
                Some(taken) => {
                    let said = desk.judge(shared, &taken);
                    desk.give(shared, &taken, said, out);
                }
                None => {}
            }
        }
        let view = Arc::clone(&desk.view);
        let (taken, mut outs): (SmallVec<[_; TOGETHER]>, SmallVec<[_; TOGETHER]>) =
            about.into_iter().unzip();
        let questions: SmallVec<[Question<'_>; TOGETHER]> =
            taken.iter().filter_map(Taken::indicator).map(Question::about).collect();
        view.ask_many(&questions, SuffixList::shipped(), desk.now, |position, answer| {
            let (Some(taken), Some(out), Some(question)) =
                (taken.get(position), outs.get_mut(position), questions.get(position))
            else {
                return;
            };
            let judge = desk.judge_of(shared, &view, taken);
            let said: Result<Option<Said>, Silence> = answer
                .and_then(|answer| {
                    judge.listed(taken.zone, &answer, question.indicator, question.indicator)
                })
                .map_err(Silence::from);
            desk.give(shared, taken, said, out);
        });
    }
}

impl Answerer for Lists {
    fn begin(&mut self) {
        self.refresh();
    }

    fn answer(&mut self, from: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) {
        self.reply(From { address: from.ip().to_canonical(), udp: true }, datagram, out);
    }

    fn answer_all(&mut self, datagrams: &[Datagram<'_>], answers: &mut [Vec<u8>]) {
        for (datagrams, answers) in datagrams.chunks(TOGETHER).zip(answers.chunks_mut(TOGETHER)) {
            self.answer_some(datagrams, answers);
        }
    }

    fn end(&mut self) {
        self.flush();
    }
}
