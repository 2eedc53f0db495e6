import CVector
import Synchronization
import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Bytes of memory that the machine has.
public let physicalMemory = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))

/// Memory of a tensor. Our own is 64-byte aligned, and freed blocks are kept for the next tensor of their size class:
/// most of the time of small training steps would otherwise go to page faults on freshly mapped memory.
public final class Storage: @unchecked Sendable {
  /// Grows when what lies here is replaced by other values, so that a graph made from the old ones can tell. Where others
  /// may write, too, that is seen by the contents.
  public var version: UInt64 {
    get {
      look()
      let whole = whole
      return whole === self ? changes : changes &+ whole.changes
    }
    set {
      whole.changes &+= newValue &- version
      whole.isNoted = false
    }
  }
  private var changes: UInt64 = 0
  /// How many others may write here without a word, and what lay here when that was last looked at.
  private var writers = 0
  private var digest: UInt64?
  /// Whether the version has been asked for by those that will compare it.
  private var isNoted = false
  /// How many handles others have on tensors that lie here.
  private let holders = Atomic<Int>(0)
  /// The recording that what lies here is a value of; 0: of none.
  public var recording: Int64 = 0
  public private(set) var isDropped = false
  public let pointer: UnsafeMutableRawPointer
  public let byteCount: Int
  private let owner: Owner

  private enum Owner {
    case recycler(capacity: Int)
    case foreign(release: @Sendable () -> Void)
    /// Another's memory, that this is a view of.
    case storage(Storage)
  }

  public init(byteCount: Int) throws {
    let capacity = Recycler.capacity(for: byteCount)
    guard let pointer = Recycler.shared.take(capacity) else { throw Refusal.failure(byteCount) }
    self.byteCount = byteCount
    self.pointer = pointer
    owner = .recycler(capacity: capacity)
  }

  /// For a kernel, which cannot fail: nil where there is no room, and then what it computes is not there, as
  /// `Refusal.check` tells.
  static func room(_ byteCount: Int) -> Storage? {
    if let made = try? Storage(byteCount: byteCount) { return made }
    Refusal.note()
    return nil
  }

  static func room(zeroed byteCount: Int) -> Storage? {
    let made = room(byteCount)
    made?.zero()
    return made
  }

  /// Memory of someone else, aligned to its elements; `release` is called when the last tensor lets go of it.
  public init(
    sharing pointer: UnsafeMutableRawPointer, byteCount: Int, release: @escaping @Sendable () -> Void
  ) {
    self.pointer = pointer
    self.byteCount = byteCount
    owner = .foreign(release: release)
    writers = 1
  }

  public convenience init(zeroed byteCount: Int) throws {
    try self.init(byteCount: byteCount)
    memset(pointer, 0, byteCount)
  }

  /// A part of another's memory.
  public init(viewing owner: Storage, offset: Int, byteCount: Int) {
    precondition(offset >= 0 && byteCount >= 0 && offset + byteCount <= owner.byteCount)
    self.owner = .storage(owner.whole)
    self.byteCount = byteCount
    pointer = owner.pointer + offset
  }

  /// The same part of other memory.
  public func moved(to other: Storage) -> Storage {
    guard case .storage(let whole) = owner else { return other }
    return Storage(viewing: other, offset: pointer - whole.pointer, byteCount: byteCount)
  }

  /// The memory that this is a view of, or itself.
  public var whole: Storage {
    if case .storage(let whole) = owner { return whole }
    return self
  }

  /// Someone else has this memory, too, until `leave`.
  public func share() {
    if case .storage(let whole) = owner { return whole.share() }
    // What a borrower writes and gives back before anybody looks is seen all the same.
    if isNoted, writers == 0 { digest = cv_digest(pointer, Int64(byteCount)) }
    writers += 1
  }

  public func leave() {
    if case .storage(let whole) = owner { return whole.leave() }
    if digest != nil { look() }
    writers -= 1
    if writers == 0 { digest = nil }
  }

  /// Somebody beyond the library has a tensor that lies here, until `letGo`.
  public func hold() {
    if case .storage(let whole) = owner { return whole.hold() }
    holders.add(1, ordering: .relaxed)
  }

  public func letGo() {
    if case .storage(let whole) = owner { return whole.letGo() }
    holders.subtract(1, ordering: .relaxed)
  }

  public var isHeld: Bool {
    if case .storage(let whole) = owner { return whole.isHeld }
    return holders.load(ordering: .relaxed) > 0
  }

  /// Gives the memory back before the object goes: nobody may read or write here from now on.
  public func drop() {
    guard case .recycler(let capacity) = owner, !isDropped else { return }
    Recycler.shared.give(pointer, capacity)
    isDropped = true
    changes &+= 1
  }

  /// The version, for who compares it later.
  public func note() -> UInt64 {
    let whole = whole
    // Of a part only the part is looked at, as long as the whole is in other hands.
    if whole !== self, whole.writers > 0, whole.digest == nil { whole.look() }
    let found = version
    whole.isNoted = true
    return found
  }

  private func look() {
    guard whole.writers > 0 else { return digest = nil }
    let now = cv_digest(pointer, Int64(byteCount))
    if let digest, digest != now { changes &+= 1 }
    digest = now
  }

  deinit {
    switch owner {
    case .recycler(let capacity): if !isDropped { Recycler.shared.give(pointer, capacity) }
    case .foreign(let release): release()
    case .storage: break
    }
  }

  public func copy() throws -> Storage {
    let result = try Storage(byteCount: byteCount)
    result.pointer.copyMemory(from: pointer, byteCount: byteCount)
    return result
  }

  public func copyContents(from other: Storage) {
    // Views of one memory may overlap.
    memmove(pointer, other.pointer, min(byteCount, other.byteCount))
  }

  /// Whether all bytes are the same.
  public func equals(_ other: Storage) -> Bool {
    byteCount == other.byteCount && memcmp(pointer, other.pointer, byteCount) == 0
  }

  public func zero() { memset(pointer, 0, byteCount) }
}

/// Bytes of our own memory that tensors and operations hold, now and at most.
public struct MemoryUse {
  public fileprivate(set) var now: Int
  public fileprivate(set) var peak: Int

  /// `reset`: the peak starts anew from what is in use.
  public static func measure(reset: Bool = false) -> MemoryUse { Recycler.shared.measure(reset: reset) }
}

/// Free lists by size class (quarter powers of two), up to a quarter of a gigabyte in all.
final class Recycler: @unchecked Sendable {
  static let shared = Recycler()
  #if EXACT_STORAGE
    // The address sanitizer sees neither the end of a rounded block nor the use of one that is kept.
    private static let limit = 0
  #else
    private static let limit = 256 << 20
  #endif
  private static let largePage = 2 << 20

  private var blocks: [Int: [UnsafeMutableRawPointer]] = [:]
  /// Those of capacities up to `leastSearched`, by number of lines: most results of eager calls.
  private var smallBlocks = [[UnsafeMutableRawPointer]](repeating: [], count: leastSearched / 64 + 1)
  private static let leastSearched = 4096
  private var bytes = 0
  /// Of blocks that are taken.
  private var use = MemoryUse(now: 0, peak: 0)
  /// Not the standard library's Mutex: that knows its owner by thread number, which a forked child does not share.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  private init() {
    pthread_mutex_init(mutex, nil)
    // A child must find the lists whole and the lock open.
    pthread_atfork(
      { pthread_mutex_lock(Recycler.shared.mutex) }, { pthread_mutex_unlock(Recycler.shared.mutex) },
      { pthread_mutex_unlock(Recycler.shared.mutex) })
  }

  /// Its handlers of forks are in place.
  func prepare() {}

  static func capacity(for byteCount: Int) -> Int {
    #if EXACT_STORAGE
      return max(1, byteCount)
    #else
      let least = max(64, byteCount)
      if least <= 4096 { return (least + 63) & ~63 }
      let step = 1 << (Int.bitWidth - 1 - (least - 1).leadingZeroBitCount - 2)
      return (least + step - 1) & ~(step - 1)
    #endif
  }

  /// nil where the system refuses it, even after it got back all that is kept here.
  func take(_ capacity: Int) -> UnsafeMutableRawPointer? {
    if cv_refuses() { return nil }
    pthread_mutex_lock(mutex)
    use.now += capacity
    let before = use.peak
    use.peak = max(use.peak, use.now)
    var block = popBlock(capacity)
    if block != nil { bytes -= capacity }
    pthread_mutex_unlock(mutex)
    if block == nil { block = allocate(capacity) }
    if block == nil, giveBack() { block = allocate(capacity) }
    if block == nil {
      pthread_mutex_lock(mutex)
      use.now -= capacity
      use.peak = max(before, use.now)
      pthread_mutex_unlock(mutex)
    }
    return block
  }

  /// With the lock held.
  private func popBlock(_ capacity: Int) -> UnsafeMutableRawPointer? {
    capacity <= Recycler.leastSearched
      ? smallBlocks[capacity / 64].popLast() : blocks[capacity]?.popLast()
  }

  private func allocate(_ capacity: Int) -> UnsafeMutableRawPointer? {
    let isLarge = capacity >= Recycler.largePage
    let block = cv_allocate(isLarge ? Recycler.largePage : 64, capacity)
    if isLarge, let block { cv_advise_large_pages(block, capacity) }
    return block
  }

  /// Whether anything was kept.
  private func giveBack() -> Bool {
    pthread_mutex_lock(mutex)
    let kept = Array(blocks.values) + smallBlocks
    blocks = [:]
    for i in smallBlocks.indices { smallBlocks[i] = [] }
    bytes = 0
    pthread_mutex_unlock(mutex)
    for block in kept.joined() { cv_release(block) }
    return kept.contains { !$0.isEmpty }
  }

  /// `reset`: the peak starts anew from what is in use.
  func measure(reset: Bool) -> MemoryUse {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let found = use
    if reset { use.peak = use.now }
    return found
  }

  func give(_ block: UnsafeMutableRawPointer, _ capacity: Int) {
    pthread_mutex_lock(mutex)
    use.now -= capacity
    let keep = bytes + capacity <= Recycler.limit
    if keep {
      if capacity <= Recycler.leastSearched {
        smallBlocks[capacity / 64].append(block)
      } else {
        blocks[capacity, default: []].append(block)
      }
      bytes += capacity
    }
    pthread_mutex_unlock(mutex)
    if !keep { cv_release(block) }
  }
}
