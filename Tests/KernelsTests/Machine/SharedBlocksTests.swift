import TestSupport
import XCTest

@testable import Kernels

final class SharedBlocksTests: XCTestCase {
  private let counts = [0, 1, (1 << 15) + 1, 7, 1 << 15, 0, (3 << 15) - 1]

  func testEveryElementOnce() {
    for counts in [counts, [], [0], [5, 6]] {
      let seen = counts.map { count -> UnsafeMutablePointer<UInt8> in
        let flags = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, count))
        flags.initialize(repeating: 0, count: max(1, count))
        return flags
      }
      defer { for flags in seen { flags.deallocate() } }
      SharedBlocks(counts).run { vector, low, high in
        for i in low..<high { seen[vector][i] += 1 }
      }
      for (flags, count) in zip(seen, counts) {
        XCTAssertTrue((0..<count).allSatisfy { flags[$0] == 1 })
      }
    }
  }

  func testSumsByVector() {
    let sums = SharedBlocks(counts).sums(0, add: { $0 += $1 }) { vector, low, high in
      (low..<high).reduce(0) { $0 + (vector + 1) * ($1 % 5) }
    }
    let expected = counts.enumerated().map { i, count in (0..<count).reduce(0) { $0 + (i + 1) * ($1 % 5) } }
    XCTAssertEqual(sums, expected)
  }

  func testNormsAreThoseOfEachVectorForAnyNumberOfThreads() {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = before }
    var numbers = Numbers(seed: 4)
    let values = counts.map { numbers.array($0) }
    let (singles, doubles) = (values.map { Buffer<Float>($0) }, values.map { Buffer<Double>($0) })
    var found: [[Double]] = []
    for threads in [1, 2, 3] {
      ThreadPool.shared.threads = threads
      found.append(
        squaredNorms(
          singles.map { (.float32, UnsafeRawPointer($0.pointer), $0.count) }
            + doubles.map { (.float64, UnsafeRawPointer($0.pointer), $0.count) }))
    }
    XCTAssertEqual(found[0], found[1])
    XCTAssertEqual(found[0], found[2])
    for (i, buffer) in (singles.map(\.values) + doubles.map(\.values)).enumerated() {
      let expected = buffer.reduce(0) { $0 + $1 * $1 }
      XCTAssertEqual(found[0][i], expected, accuracy: 1e-12 * max(1, expected))
    }
  }
}
