import TestSupport
import XCTest

@testable import Kernels

/// Every element where plain index arithmetic puts it, and the rest of the destination as it was.
final class MoveTests: XCTestCase {
  private func check<T: FixedWidthInteger>(_: T.Type) {
    // a transpose, a slice with a step, one backwards, a part of a whole, one element, none
    let walks: [(extents: [Int], source: [Int], destination: [Int], from: Int, to: Int)] = [
      ([4, 3], [1, 4], [3, 1], 0, 0), ([2, 3, 2], [12, 2, 1], [6, 2, 1], 1, 0), ([5], [-2], [1], 9, 0),
      ([3, 2], [2, 1], [5, 1], 0, 3), ([1], [1], [1], 7, 2), ([0, 3], [3, 1], [3, 1], 0, 0),
      ([2, 3, 4], [1, 2, 6], [12, 4, 1], 0, 0),
    ]
    let source = (0..<40).map { T(truncatingIfNeeded: $0 &* 0x0123_4567_89AB &+ 129) }
    for w in walks {
      let walk = StridedWalk(
        extents: w.extents, source: w.source, destination: w.destination, sourceOffset: w.from,
        destinationOffset: w.to)
      var expected = [T](repeating: 77, count: 40)
      var pairs = [(w.from, w.to)]
      for axis in w.extents.indices {
        pairs = pairs.flatMap { p in
          (0..<w.extents[axis]).map { (p.0 + $0 * w.source[axis], p.1 + $0 * w.destination[axis]) }
        }
      }
      for (from, to) in pairs { expected[to] = source[from] }
      var found = [T](repeating: 77, count: 40)
      moveElements(walk, byteCount: MemoryLayout<T>.size, source, &found)
      XCTAssertEqual(found, expected, "\(w)")
    }
  }

  func testElementsOfOneByteAndOfEight() {
    check(UInt8.self)
    check(Int64.self)
  }
}
