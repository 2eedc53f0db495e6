import CLRSwift
import Foundation
import XCTest

final class LibraryABITests: XCTestCase {
  func testTheVersionHasThreeNumbers() {
    let parts = String(cString: lrs_version()).split(separator: ".")
    XCTAssertEqual(parts.compactMap { Int($0) }.count, 3)
  }

  func testThreads() {
    let before = lrs_get_threads()
    XCTAssertGreaterThanOrEqual(before, 1)
    for count in [1, 7, 1024] as [Int32] {
      expectOK(lrs_set_threads(count))
      XCTAssertEqual(lrs_get_threads(), count)
    }
    for count in [0, -1, 1025, .max, .min] as [Int32] {
      expect(LRS_VALUE_ERROR, "between 1 and 1024", "\(count)") { lrs_set_threads(count) }
    }
    XCTAssertEqual(lrs_get_threads(), 1024)
    expectOK(lrs_set_threads(before))
  }

  func testMemory() {
    var (now, peak): (Int64, Int64) = (-1, -1)
    lrs_memory(&now, &peak, true)
    XCTAssertGreaterThanOrEqual(now, 0)
    XCTAssertGreaterThanOrEqual(peak, now)
    lrs_memory(nil, &peak, false)
    XCTAssertEqual(peak, now)
    lrs_memory(nil, nil, false)
  }

  func testGradientsAreSwitchedPerThread() {
    XCTAssertTrue(lrs_get_grad_enabled())
    XCTAssertTrue(lrs_set_grad_enabled(false))
    XCTAssertFalse(lrs_get_grad_enabled())
    let done = expectation(description: "thread")
    Thread {
      XCTAssertTrue(lrs_get_grad_enabled())
      done.fulfill()
    }.start()
    wait(for: [done], timeout: 10)
    XCTAssertFalse(lrs_set_grad_enabled(true))
    XCTAssertTrue(lrs_get_grad_enabled())
  }

  func testRandomStateGoesRound() {
    var (seed, offset) = (UInt64(0), UInt64(0))
    lrs_random_set(.max, 1 << 40)
    lrs_random_get(&seed, &offset)
    XCTAssertEqual([seed, offset], [.max, 1 << 40])
    lrs_random_get(nil, &offset)
    let x = makeTensor([100], [Double](repeating: 1, count: 100))
    let first = applied("dropout", [x], ["p": [0.5]])
    lrs_random_get(&seed, &offset)
    XCTAssertEqual(offset, (1 << 40) + 1)
    lrs_random_set(.max, 1 << 40)
    let again = applied("dropout", [x], ["p": [0.5]])
    XCTAssertEqual(values(again), values(first))
    for handle in [x, first, again] { lrs_tensor_destroy(handle) }
    lrs_random_set(0, 0)
  }

  func testMeasure() {
    var (seconds, operations) = (0.0, 0.0)
    XCTAssertEqual(lrs_measure(nil, nil, "gemm", nil, 0), lrs_status(LRS_VALUE_ERROR))
    XCTAssertEqual(lrs_measure(&seconds, &operations, nil, nil, 0), lrs_status(LRS_VALUE_ERROR))
    XCTAssertEqual(lrs_measure(&seconds, &operations, "sleep", nil, 0), lrs_status(LRS_VALUE_ERROR))
    XCTAssertEqual(lrs_measure(&seconds, &operations, "gemm", nil, 0), lrs_status(LRS_VALUE_ERROR))
    XCTAssertEqual(lrs_measure(&seconds, &operations, "multiply_adds", nil, 0), lrs_status(LRS_VALUE_ERROR))
  }
}
