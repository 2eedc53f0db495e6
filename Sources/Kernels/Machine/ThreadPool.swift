import CVector
import Synchronization

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Runs numbered blocks of work on a few threads. Blocks that cut a sum depend on the problem alone, never on the number
/// of threads, so results are bitwise the same for any number.
///
/// A worker spins briefly for the next job, then sleeps: a waiting thread must not take the core of one that works.
public final class ThreadPool: @unchecked Sendable {
  public static let shared = ThreadPool()

  private struct Job {
    var body: ((Int) -> Void)?
    var count = 0
    var threads = 1
  }

  private let next = Atomic<Int>(0)
  private let remaining = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let busy = Atomic<Bool>(false)
  private let active = Atomic<Int>(0)
  /// A worker's kernel got no memory for the job at hand.
  private let lacked = Atomic<Bool>(false)
  private var job = Job()
  private var workers = 0
  private let cores: Int
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var sleeping = 0

  private init() {
    cores = DefaultThreads.process.count
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    pthread_atfork(nil, nil) { ThreadPool.shared.forgetWorkers() }
  }

  /// Threads that serve the calling thread's work, itself included. Each thread has its own setting.
  public var threads: Int {
    get {
      let limit = Int(cv_thread().pointee.threads)
      return limit > 0 ? limit : cores
    }
    set { cv_thread().pointee.threads = Int32(max(1, newValue)) }
  }

  /// A forked child has none of its parent's threads.
  private func forgetWorkers() {
    workers = 0
    sleeping = 0
    active.store(0, ordering: .relaxed)
    busy.store(false, ordering: .relaxed)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
  }

  public func run(_ count: Int, _ body: (Int) -> Void) {
    let threads = count > 1 ? self.threads : 1
    if threads == 1 || !acquire() {
      for block in 0..<max(0, count) { body(block) }
      return
    }
    withoutActuallyEscaping(body) { escaping in
      startWorkers(threads - 1)
      job = Job(body: escaping, count: count, threads: threads)
      next.store(0, ordering: .relaxed)
      // Released: whoever sees work remaining sees the job it belongs to.
      remaining.store(count, ordering: .releasing)
      generation.add(1, ordering: .sequentiallyConsistent)
      pthread_mutex_lock(mutex)
      if sleeping > 0 { pthread_cond_broadcast(wake) }
      pthread_mutex_unlock(mutex)
      work()
      // A worker may still hold the job: wait until all have let go of it.
      waitUntil { remaining.load(ordering: .acquiring) == 0 && active.load(ordering: .acquiring) == 0 }
      job.body = nil
      if lacked.load(ordering: .relaxed) {
        lacked.store(false, ordering: .relaxed)
        Refusal.note()
      }
    }
    busy.store(false, ordering: .releasing)
  }

  /// One job at a time: a nested or concurrent call runs on its own thread alone.
  private func acquire() -> Bool {
    busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
  }

  private func work() {
    let count = job.count
    guard let body = job.body else { return }
    while true {
      let block = next.add(1, ordering: .relaxed).oldValue
      if block >= count { return }
      body(block)
      remaining.subtract(1, ordering: .releasing)
    }
  }

  private func startWorkers(_ needed: Int) {
    while workers < needed {
      var thread = pthread_t()
      let index = workers
      workers += 1
      let context = UnsafeMutableRawPointer(bitPattern: index + 1)
      let status = pthread_create(
        &thread, nil, { ThreadPool.shared.serve(Int(bitPattern: $0!) - 1) }, context)
      if status != 0 {
        workers -= 1
        return
      }
      pthread_detach(thread)
    }
  }

  private func serve(_ index: Int) -> Never {
    var seen = 0
    while true {
      seen = awaitJob(after: seen)
      // Announce before looking again: the caller does not retire a job while a worker is active.
      active.add(1, ordering: .sequentiallyConsistent)
      if generation.load(ordering: .sequentiallyConsistent) == seen, remaining.load(ordering: .acquiring) > 0,
        index < job.threads - 1
      {
        work()
        if Refusal.takeNote() { lacked.store(true, ordering: .relaxed) }
      }
      active.subtract(1, ordering: .sequentiallyConsistent)
    }
  }

  private func awaitJob(after seen: Int) -> Int {
    for spin in 0..<2000 {
      let now = generation.load(ordering: .acquiring)
      if now != seen { return now }
      if spin % 64 == 63 { sched_yield() } else { cv_pause() }
    }
    pthread_mutex_lock(mutex)
    sleeping += 1
    while generation.load(ordering: .sequentiallyConsistent) == seen { pthread_cond_wait(wake, mutex) }
    sleeping -= 1
    pthread_mutex_unlock(mutex)
    return generation.load(ordering: .acquiring)
  }
}

/// Spins briefly, then lets others run.
@inline(__always)
func waitUntil(_ condition: () -> Bool) {
  var spins = 0
  while !condition() {
    spins &+= 1
    if spins < 256 { cv_pause() } else { sched_yield() }
  }
}

/// Elements below which a loop is not worth sharing, and the length of a shared block.
@usableFromInline let blockLength = 1 << 15

/// Calls `body(low, high)` for consecutive ranges that cover `0..<count`.
@inline(__always)
func parallelRanges(_ count: Int, length: Int = blockLength, _ body: (Int, Int) -> Void) {
  if count < 2 * length {
    body(0, count)
    return
  }
  let blocks = (count + length - 1) / length
  ThreadPool.shared.run(blocks) { block in
    body(block * length, min(count, (block + 1) * length))
  }
}
