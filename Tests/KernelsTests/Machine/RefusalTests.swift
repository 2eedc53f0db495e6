import CVector
import TestSupport
import Vocabulary
import XCTest

@testable import Kernels

final class RefusalTests: XCTestCase {
  override func tearDown() { _ = cv_refuse(false, 0, 0) }

  func testAStorageThatIsRefused() throws {
    // Blocks that are kept are asked for once; new ones a second time, of the system.
    do { _ = try [Storage(byteCount: 100), Storage(byteCount: 100)] }
    _ = cv_refuse(false, 2, 1)
    let first = try Storage(byteCount: 100)
    expectFailure(.memory, ["100 bytes"]) { _ = try Storage(byteCount: 100) }
    XCTAssertEqual(try Storage(byteCount: 100).byteCount, 100)
    XCTAssertEqual(cv_refuse(false, 0, 0), 3)
    try Refusal.check()
    withExtendedLifetime(first) {}
  }

  /// What cannot be had is noted, whichever thread it was, and the note is read once.
  func testKernelsNoteIt() throws {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    for count in [1, 2, 3] {
      ThreadPool.shared.threads = count
      _ = cv_refuse(false, 1, 1_000_000)
      ThreadPool.shared.run(8) { _ in _ = Storage.room(64) }
      expectFailure(.memory, ["not enough memory"]) { try Refusal.check() }
      _ = cv_refuse(false, 0, 0)
      ThreadPool.shared.run(8) { _ in _ = Storage.room(64) }
      try Refusal.check()
    }
  }

  func testMoreThanThereIs() {
    expectFailure(.memory, ["bytes were refused"]) { _ = try Storage(byteCount: 1 << 60) }
    let before = MemoryUse.measure()
    XCTAssertNil(try? Storage(byteCount: 1 << 60))
    XCTAssertEqual(MemoryUse.measure().now, before.now)
    XCTAssertEqual(MemoryUse.measure().peak, before.peak)
  }

  func testTheReserveIsWhole() throws { try Refusal.checkReserve() }
}
