//! A future that is polled only when something woke it, not whenever its task runs.
//!
//! A task that waits for several things polls all of them when one of them wakes it. For a
//! connection that would mean, with every request, a look at its timer and one at the shutdown
//! signal, whose lock all connections share.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use pin_project_lite::pin_project;

pin_project! {
    /// Polls `future` at first, and then only after its own wake-ups.
    pub(super) struct Seldom<F> {
        #[pin]
        future: F,
        bell: Option<Arc<Bell>>,
    }
}

impl<F> Seldom<F> {
    pub(super) const fn new(future: F) -> Self {
        Self { future, bell: None }
    }
}

/// What the future wakes: it remembers that it rang, and wakes the task.
struct Bell {
    rang: AtomicBool,
    task: Waker,
}

impl Bell {
    /// Whether it rang since the last time.
    fn take(&self) -> bool {
        // The plain load is for the many polls in between. It cannot miss the ring that led to
        // this poll, as the task is woken after the bell is marked.
        self.rang.load(Ordering::Relaxed) && self.rang.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let bell = match this.bell {
            Some(bell) if bell.task.will_wake(context.waker()) => {
                if !bell.take() {
                    return Poll::Pending;
                }
                bell
            }
            // The first poll, or the task has a new waker.
            bell => bell.insert(Arc::new(Bell {
                rang: AtomicBool::new(false),
                task: context.waker().clone(),
            })),
        };
        let waker = Waker::from(Arc::clone(bell));
        this.future.poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};

    use super::Seldom;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_polled_first_and_when_it_was_woken_and_by_a_new_task() {
        let polls = AtomicUsize::new(0);
        let bell = Mutex::new(None::<Waker>);
        let mut seldom = std::pin::pin!(Seldom::new(poll_fn(|context| {
            *bell.lock().unwrap() = Some(context.waker().clone());
            match polls.fetch_add(1, Ordering::Relaxed) {
                3 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })));
        let ring = || bell.lock().unwrap().as_ref().unwrap().wake_by_ref();
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut context = Context::from_waker(&waker);
        for _ in 0..3 {
            assert!(seldom.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1, "polls of others do not reach it");
        ring();
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "its wake-up reaches the task");
        for _ in 0..3 {
            assert!(seldom.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 2, "one wake-up is one poll");

        let moved = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&moved));
        let mut context = Context::from_waker(&waker);
        assert!(seldom.as_mut().poll(&mut context).is_pending());
        ring();
        assert_eq!(moved.0.load(Ordering::Relaxed), 1, "a new task is woken instead");
        assert!(seldom.as_mut().poll(&mut context).is_ready());
    }
}
