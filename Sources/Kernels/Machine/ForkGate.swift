import CVector
import Synchronization

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Lets a process be forked between steps, and not within one.
///
/// A child has the memory of all threads of its parent, and none of the threads but one: what they were about to finish
/// stays as it is. A fork therefore waits until those inside have left, for a second at most: it must not hang, and what
/// a step that is longer leaves behind is told by `generation`. Nobody waits here while holding anything that those
/// inside need.
public final class ForkGate: Sendable {
  public static let shared = ForkGate()
  private static let patience = 1.0

  private let inside = Atomic<Int>(0)
  private let isClosed = Atomic<Bool>(false)
  private let forks = Atomic<Int>(0)

  private init() {
    // Handlers run in reverse order: this one while those inside still get memory.
    Recycler.shared.prepare()
    pthread_atfork(
      { ForkGate.shared.close() },
      { ForkGate.shared.isClosed.store(false, ordering: .sequentiallyConsistent) },
      { ForkGate.shared.beginAnew() })
  }

  /// How many forks lie between this process and the first that loaded the library.
  public var generation: Int { forks.load(ordering: .relaxed) }

  /// Runs a step that a child must see whole or not at all.
  @inline(__always)
  public func pass<Result>(_ step: () throws -> Result) rethrows -> Result {
    let thread = cv_thread()!
    if thread.pointee.inside != 0 { return try step() }
    enter()
    thread.pointee.inside = 1
    defer {
      thread.pointee.inside = 0
      inside.subtract(1, ordering: .sequentiallyConsistent)
    }
    return try step()
  }

  private func enter() {
    while true {
      inside.add(1, ordering: .sequentiallyConsistent)
      if !isClosed.load(ordering: .sequentiallyConsistent) { return }
      inside.subtract(1, ordering: .sequentiallyConsistent)
      while isClosed.load(ordering: .sequentiallyConsistent) { usleep(50) }
    }
  }

  private func close() {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    let own = cv_thread().pointee.inside == 0 ? 0 : 1
    let deadline = cv_seconds() + ForkGate.patience
    while inside.load(ordering: .sequentiallyConsistent) > own, cv_seconds() < deadline { usleep(50) }
  }

  private func beginAnew() {
    inside.store(cv_thread().pointee.inside == 0 ? 0 : 1, ordering: .relaxed)
    forks.add(1, ordering: .relaxed)
    isClosed.store(false, ordering: .relaxed)
  }
}
