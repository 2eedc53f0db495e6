import Dispatch
import Synchronization
import TestSupport
import XCTest

@testable import Kernels

final class StorageTests: XCTestCase {
  private let sizes = [0, 1, 63, 64, 65, 1000, 4096, 4097, 70_000, 1 << 20, (1 << 20) + 1]

  func testMemoryIsAlignedAndLargeEnough() {
    let storages = sizes.map { try! Storage(byteCount: $0) }
    for (size, storage) in zip(sizes, storages) {
      XCTAssertEqual(storage.byteCount, size)
      XCTAssertEqual(Int(bitPattern: storage.pointer) % 64, 0)
    }
  }

  /// Size classes hold what they are for, waste at most a quarter, and are their own class.
  func testSizeClasses() {
    var numbers = Numbers(seed: 1)
    let random = (0..<2000).map { _ in numbers.integer(below: 1 << (1 + numbers.integer(below: 40))) }
    var last = 0
    for size in (Array(0...9000) + random).sorted() {
      let capacity = Recycler.capacity(for: size)
      XCTAssertGreaterThanOrEqual(capacity, max(64, size))
      XCTAssertLessThanOrEqual(capacity, size <= 4096 ? max(64, size + 63) : size + size / 4)
      XCTAssertEqual(capacity % 64, 0)
      XCTAssertEqual(Recycler.capacity(for: capacity), capacity)
      XCTAssertGreaterThanOrEqual(capacity, last)
      last = capacity
    }
  }

  func testMemoryIsRecycledWithinItsClass() {
    for size in [100, 10_000, 3 << 20] {
      var address = UnsafeMutableRawPointer(bitPattern: 64)!
      do { address = try! Storage(byteCount: size).pointer }
      let again = try! Storage(byteCount: size - 1)
      XCTAssertEqual(again.pointer, address)
      XCTAssertNotEqual(try! Storage(byteCount: size).pointer, address)
    }
  }

  func testMemoryInUse() {
    let before = MemoryUse.measure(reset: true).now
    do {
      let block = try! Storage(byteCount: 1 << 16)
      let view = Storage(viewing: block, offset: 64, byteCount: 64)
      XCTAssertEqual(MemoryUse.measure().now, before + (1 << 16))
      XCTAssertEqual(view.byteCount, 64)
    }
    XCTAssertEqual(MemoryUse.measure().now, before)
    XCTAssertEqual(MemoryUse.measure(reset: true).peak, before + (1 << 16))
    XCTAssertEqual(MemoryUse.measure().peak, before)
  }

  func testZeroedMemoryIsZeroEvenWhenRecycled() {
    do {
      let dirty = try! Storage(byteCount: 5000)
      dirty.pointer.initializeMemory(as: UInt8.self, repeating: 0xFF, count: 5000)
    }
    let clean = try! Storage(zeroed: 5000)
    XCTAssertTrue((0..<5000).allSatisfy { clean.pointer.load(fromByteOffset: $0, as: UInt8.self) == 0 })
    clean.pointer.initializeMemory(as: UInt8.self, repeating: 7, count: 5000)
    clean.zero()
    XCTAssertTrue((0..<5000).allSatisfy { clean.pointer.load(fromByteOffset: $0, as: UInt8.self) == 0 })
  }

  /// Live blocks never overlap, however many come and go.
  func testLiveBlocksAreDistinct() {
    var numbers = Numbers(seed: 2)
    var live: [(storage: Storage, mark: UInt8)] = []
    for i in 0..<3000 {
      let mark = UInt8(truncatingIfNeeded: i)
      let storage = try! Storage(byteCount: 1 + numbers.integer(below: 600))
      storage.pointer.initializeMemory(as: UInt8.self, repeating: mark, count: storage.byteCount)
      live.append((storage, mark))
      if live.count > 40 {
        let gone = live.remove(at: numbers.integer(below: live.count))
        for byte in [0, gone.storage.byteCount / 2, gone.storage.byteCount - 1] {
          XCTAssertEqual(gone.storage.pointer.load(fromByteOffset: byte, as: UInt8.self), gone.mark)
        }
      }
    }
  }

  func testRecyclingFromSeveralThreads() {
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for i in 0..<2000 {
        let storage = try! Storage(byteCount: 8 * (1 + i % 30))
        let last = storage.byteCount - 8
        storage.pointer.storeBytes(of: thread << 32 | i, toByteOffset: last, as: Int.self)
        XCTAssertEqual(storage.pointer.load(fromByteOffset: last, as: Int.self), thread << 32 | i)
      }
    }
  }

  func testCopies() {
    let a = try! Storage(zeroed: 16)
    a.pointer.storeBytes(of: 1.5, as: Double.self)
    let b = try! a.copy()
    XCTAssertEqual(b.byteCount, 16)
    a.pointer.storeBytes(of: 2.5, as: Double.self)
    XCTAssertEqual(b.pointer.load(as: Double.self), 1.5)
    let short = try! Storage(zeroed: 8)
    short.copyContents(from: a)
    XCTAssertEqual(short.pointer.load(as: Double.self), 2.5)
    let long = try! Storage(zeroed: 24)
    long.pointer.storeBytes(of: 9, toByteOffset: 16, as: Double.self)
    long.copyContents(from: a)
    XCTAssertEqual(long.pointer.load(as: Double.self), 2.5)
    XCTAssertEqual(long.pointer.load(fromByteOffset: 16, as: Double.self), 9)
  }

  /// A view is the owner's memory, and keeps it.
  func testViews() {
    var owner: Storage? = try! Storage(zeroed: 24)
    let view = Storage(viewing: owner!, offset: 8, byteCount: 16)
    owner!.pointer.storeBytes(of: 4.5, toByteOffset: 8, as: Double.self)
    owner = nil
    XCTAssertEqual(view.byteCount, 16)
    XCTAssertEqual(view.pointer.load(as: Double.self), 4.5)
  }

  /// A view of a view is one of the whole; what changes a part has changed the whole.
  func testViewsOfOneMemory() throws {
    let whole = try Storage(zeroed: 64)
    let part = Storage(viewing: Storage(viewing: whole, offset: 16, byteCount: 48), offset: 8, byteCount: 16)
    XCTAssertTrue(part.whole === whole && whole.whole === whole)
    XCTAssertEqual(part.pointer, whole.pointer + 24)
    let before = whole.version
    part.version &+= 1
    XCTAssertEqual(whole.version, before + 1)
    XCTAssertEqual(part.version, whole.version)
    let other = try Storage(zeroed: 64)
    let moved = part.moved(to: other)
    XCTAssertTrue(moved.whole === other && whole.moved(to: other) === other)
    XCTAssertEqual(moved.pointer, other.pointer + 24)
    part.hold()
    XCTAssertTrue(whole.isHeld && part.isHeld)
    whole.letGo()
    XCTAssertFalse(part.isHeld)
  }

  /// A write of somebody who has given the memory back before the version is compared.
  func testAWriteThatIsOverIsSeen() throws {
    let whole = try Storage(zeroed: 256)
    let part = Storage(viewing: whole, offset: 128, byteCount: 64)
    for noted in [whole, part] {
      let version = noted.note()
      noted.share()
      noted.leave()
      XCTAssertEqual(noted.version, version, "a look is no write")
      whole.share()
      whole.pointer.storeBytes(of: UInt8(version &+ 1), toByteOffset: 130, as: UInt8.self)
      whole.leave()
      XCTAssertNotEqual(noted.version, version)
    }
    // While the whole is in other hands only writes to the part are writes to it.
    whole.share()
    let version = part.note()
    whole.pointer.storeBytes(of: 77, toByteOffset: 0, as: UInt8.self)
    XCTAssertEqual(part.version, version)
    whole.pointer.storeBytes(of: 77, toByteOffset: 191, as: UInt8.self)
    XCTAssertNotEqual(part.version, version)
    whole.leave()
  }

  /// What is dropped serves others at once, and is given back once.
  func testWhatIsDropped() throws {
    let before = MemoryUse.measure().now
    var block: Storage? = try Storage(byteCount: 3 << 20)
    let version = block!.version
    block!.drop()
    block!.drop()
    XCTAssertTrue(block!.isDropped)
    XCTAssertNotEqual(block!.version, version)
    XCTAssertEqual(MemoryUse.measure().now, before)
    block = nil
    XCTAssertEqual(MemoryUse.measure().now, before)
  }

  func testForeignMemoryIsUsedInPlaceAndLetGoOnce() {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 8)
    defer { memory.deallocate() }
    let ends = Atomic<Int>(0)
    var shared: Storage? = Storage(sharing: memory, byteCount: 16) { ends.add(1, ordering: .relaxed) }
    XCTAssertEqual(shared?.pointer, memory)
    let copy = try! shared!.copy()
    shared!.zero()
    XCTAssertEqual(memory.load(as: Double.self), 0)
    XCTAssertEqual(ends.load(ordering: .relaxed), 0)
    shared = nil
    XCTAssertEqual(ends.load(ordering: .relaxed), 1)
    // it must not come back as one of ours
    XCTAssertNotEqual(try! Storage(byteCount: 16).pointer, memory)
    XCTAssertNotEqual(copy.pointer, memory)
  }
}
