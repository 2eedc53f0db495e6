import Foundation
import Synchronization
import TestSupport
import XCTest

@testable import Kernels

final class ThreadPoolTests: XCTestCase {
  private let pool = ThreadPool.shared
  private var before = 1

  override func setUp() { before = pool.threads }
  override func tearDown() { pool.threads = before }

  /// How often each block ran.
  private func tally(_ count: Int, _ run: (Int, (Int) -> Void) -> Void) -> [Int] {
    let tallies = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: max(1, count))
    for i in 0..<count { (tallies + i).initialize(to: Atomic(0)) }
    defer { tallies.deallocate() }
    run(count) { block in tallies[block].add(1, ordering: .relaxed) }
    return (0..<count).map { tallies[$0].load(ordering: .relaxed) }
  }

  func testEveryBlockRunsExactlyOnce() {
    for threads in [1, 2, 5] {
      pool.threads = threads
      for count in [0, 1, 2, 3, 7, 64, 1000] {
        let ran = tally(count) { pool.run($0, $1) }
        XCTAssertEqual(ran, [Int](repeating: 1, count: count), "\(threads) threads, \(count) blocks")
      }
    }
  }

  func testANegativeCountRunsNothing() {
    pool.threads = 2
    pool.run(-3) { _ in XCTFail("there is no block") }
  }

  /// What a block wrote is visible to the caller, job after job; workers sleep and wake on the way.
  func testManyShortJobs() {
    pool.threads = 5
    let width = 9
    var values = [Int](repeating: -1, count: width)
    values.withUnsafeMutableBufferPointer { values in
      let values = values.baseAddress!
      for job in 0..<20_000 {
        let count = 2 + job % (width - 1)
        pool.run(count) { values[$0] = job }
        for block in 0..<count where values[block] != job {
          return XCTFail("job \(job): block \(block) holds \(values[block])")
        }
        if job % 4000 == 0 { usleep(2000) }
      }
    }
  }

  func testNestedRunsFinish() {
    for threads in [1, 2, 5] {
      pool.threads = threads
      let ran = tally(6 * 50) { _, body in
        pool.run(6) { outer in pool.run(50) { inner in body(50 * outer + inner) } }
      }
      XCTAssertEqual(ran, [Int](repeating: 1, count: 300))
    }
  }

  func testRunsFromSeveralThreadsAtOnce() {
    let failures = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { caller in
      ThreadPool.shared.threads = 1 + caller
      for job in 0..<500 {
        let ran = tally(2 + (job + caller) % 17) { ThreadPool.shared.run($0, $1) }
        if ran.contains(where: { $0 != 1 }) { failures.add(1, ordering: .relaxed) }
      }
    }
    XCTAssertEqual(failures.load(ordering: .relaxed), 0)
  }

  func testEachThreadHasItsOwnSetting() {
    pool.threads = 3
    let seen = Atomic<Int>(0)
    let thread = Thread {
      ThreadPool.shared.threads = 7
      seen.store(ThreadPool.shared.threads, ordering: .releasing)
    }
    thread.start()
    while seen.load(ordering: .acquiring) == 0 { usleep(100) }
    XCTAssertEqual(seen.load(ordering: .acquiring), 7)
    XCTAssertEqual(pool.threads, 3)
    pool.threads = 0
    XCTAssertEqual(pool.threads, 1)
  }

  func testAForkedChildStartsItsOwnWorkers() {
    pool.threads = 5
    pool.run(20) { _ in usleep(10) }
    XCTAssertTrue(holdsInChild { tally(100) { pool.run($0, $1) }.allSatisfy { $0 == 1 } })
    XCTAssertEqual(tally(10) { pool.run($0, $1) }, [Int](repeating: 1, count: 10))
  }

  func testRangesCoverEverythingOnce() {
    pool.threads = 2
    for count in [0, 1, blockLength, 2 * blockLength - 1, 2 * blockLength, 3 * blockLength + 5] {
      let ranges = Mutex<[Range<Int>]>([])
      parallelRanges(count) { low, high in ranges.withLock { $0.append(low..<high) } }
      var end = 0
      for range in ranges.withLock({ $0 }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
        XCTAssertEqual(range.lowerBound, end)
        end = range.upperBound
      }
      XCTAssertEqual(end, count)
    }
  }
}
