import CVector
import Kernels
import Synchronization
import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The tensors of a graph while somebody works on them: a sweep leaves gradients and tangents on tensors, which may be
/// shared with graphs of other threads.
///
/// Sweeps over common tensors wait for each other: what they leave on leaves adds up, whatever the order. A run of a
/// program overwrites gradients and moves parameters for long, so that nobody waits for one: it is an error. Training
/// holds its parameters between such runs as well, for its own thread, which goes on to use them as it likes.
///
/// Nobody can wait for ever. A claim is taken on all of its tensors or on none; who waits holds none, and nothing else
/// that a sweep needs: not the registry's lock, and not Python's, which is only held by callers that do not wait
/// (`check`). Who holds a claim, be it the same thread's, never waits for another.
public final class Claim: @unchecked Sendable {
  private let what: String
  private let isRun: Bool
  private let isHeld: Bool
  private let thread = cv_thread()!
  private let generation = ForkGate.shared.generation
  private var tensors: [Tensor]

  private init(_ what: String, isRun: Bool, isHeld: Bool = false, _ tensors: [Tensor]) {
    (self.what, self.isRun, self.isHeld, self.tensors) = (what, isRun, isHeld, tensors)
  }

  /// For as long as the calling thread trains: an error where another one works on the tensors, a wait for none.
  public static func hold(_ what: String, _ tensors: [Tensor]) throws -> Claim {
    try check(what, tensors)
    let claim = Claim(what, isRun: false, isHeld: true, tensors)
    let registry = Registry.shared
    registry.lock()
    defer { registry.unlock() }
    if let other = holder(tensors, besides: nil) { throw other.refusal(what) }
    claim.place()
    return claim
  }

  /// For once more: an error where it is another thread's.
  public func again(_ what: String) throws {
    if thread != cv_thread() { throw refusal(what) }
  }

  /// With nobody else in the way: the registry is locked.
  private func place() {
    for tensor in tensors {
      if let other = tensor.claim {
        // Of the run that this thread is in, or held by it.
        if !other.isStale { continue }
        tensor.forgetSweeps()
      }
      tensor.claim = self
    }
    Registry.shared.count.add(1, ordering: .relaxed)
  }

  /// Of a thread that a fork has left behind.
  public var isStale: Bool { generation != ForkGate.shared.generation }

  /// nil: `seconds` have passed in waiting. Who is let in holds the tensors until `release`.
  static func take(_ what: String, isRun: Bool = false, _ tensors: [Tensor], seconds: Double = .infinity)
    throws
    -> Claim?
  {
    let claim = Claim(what, isRun: isRun, tensors)
    let own = current
    let registry = Registry.shared
    let deadline = cv_seconds() + seconds
    registry.lock()
    defer { registry.unlock() }
    while let other = holder(tensors, besides: own) {
      if other.isRun || other.isHeld || other.thread == claim.thread || own != nil {
        throw other.refusal(what)
      }
      if cv_seconds() >= deadline { return nil }
      registry.wait(upTo: min(0.05, deadline - cv_seconds()))
    }
    claim.place()
    if isRun { claim.thread.pointee.claim = UnsafeRawPointer(Unmanaged.passUnretained(claim).toOpaque()) }
    return claim
  }

  public func release() {
    let registry = Registry.shared
    registry.lock()
    for tensor in tensors where tensor.claim === self { tensor.claim = nil }
    registry.count.subtract(1, ordering: .relaxed)
    registry.releases += 1
    registry.broadcast()
    registry.unlock()
    // Tensors that die may call back to whom their memory belongs.
    tensors = []
    if isRun { thread.pointee.claim = nil }
  }

  /// Fails where somebody else works on one of the tensors, and does not wait: `waitForSweeps` does, when the caller has
  /// let go of its own locks.
  public static func check(_ what: String, _ tensors: @autoclosure () -> [Tensor]) throws {
    let registry = Registry.shared
    // A run has claimed all that its steps touch.
    guard registry.count.load(ordering: .relaxed) > 0, current == nil else { return }
    registry.lock()
    defer { registry.unlock() }
    guard let other = holder(tensors(), besides: nil) else { return }
    let thread = cv_thread()!
    let isSweep = !other.isRun && !other.isHeld && other.thread != thread
    thread.pointee.awaited = isSweep ? registry.releases &+ 1 : 0
    throw other.refusal(what)
  }

  /// After a failed `check`: until a sweep of another thread has ended, `seconds` at most. False where it was no sweep of
  /// another thread that was in the way.
  public static func waitForSweeps(seconds: Double) -> Bool {
    let awaited = cv_thread().pointee.awaited
    guard awaited != 0 else { return false }
    let registry = Registry.shared
    registry.lock()
    if registry.releases &+ 1 == awaited { registry.wait(upTo: seconds) }
    registry.unlock()
    return true
  }

  /// The run that the calling thread is in.
  private static var current: Claim? {
    cv_thread().pointee.claim.map { Unmanaged<Claim>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func holder(_ tensors: [Tensor], besides own: Claim?) -> Claim? {
    let thread = cv_thread()!
    for tensor in tensors {
      guard let claim = tensor.claim, claim !== own, !claim.isStale else { continue }
      if !(claim.isHeld && claim.thread == thread) { return claim }
    }
    return nil
  }

  private func refusal(_ asked: String) -> Failure {
    let who = thread == cv_thread() ? "this thread" : "another thread"
    let tensor = tensors.first { $0.isLeaf && $0.requiresGrad } ?? tensors[0]
    return Failure(
      .busy,
      "\(asked): \(who) is in the middle of \(what) over the same tensors (such as one of shape "
        + "\(describe(tensor.shape))); wait for it to end")
  }

  /// What all claims share.
  private final class Registry: @unchecked Sendable {
    static let shared = Registry()
    /// Claims that there are: most of the time none.
    let count = Atomic<Int>(0)
    var releases: UInt64 = 0
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let released = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    private init() {
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(released, nil)
      pthread_atfork(
        { Registry.shared.lock() }, { Registry.shared.unlock() },
        {
          // Who waited is gone, and so is who held a claim.
          pthread_cond_init(Registry.shared.released, nil)
          Registry.shared.count.store(0, ordering: .relaxed)
          Registry.shared.unlock()
        })
      // After this one, so that the gate closes before the registry does.
      _ = ForkGate.shared.generation
    }

    func lock() { pthread_mutex_lock(mutex) }
    func unlock() { pthread_mutex_unlock(mutex) }
    func broadcast() { pthread_cond_broadcast(released) }

    func wait(upTo seconds: Double) {
      var until = timespec()
      clock_gettime(CLOCK_REALTIME, &until)
      let nanoseconds = until.tv_nsec + Int(max(0, seconds) * 1e9)
      (until.tv_sec, until.tv_nsec) = (
        until.tv_sec + nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000
      )
      pthread_cond_timedwait(released, mutex, &until)
    }
  }
}

extension Tensor {
  /// What a sweep in a thread that a fork has left behind did not finish.
  fileprivate func forgetSweeps() {
    gradient.ready = false
    tangent.ready = false
    gradientTangent.ready = false
  }
}
