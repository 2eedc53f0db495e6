import TestSupport
import XCTest

@testable import Kernels

final class StridedTests: XCTestCase {
  private struct Plain {
    var extents: [Int]
    var source: [Int]
    var destination: [Int]
    var sourceOffset: Int
    var destinationOffset: Int
    var sourceCount: Int
    var destinationCount: Int

    var walk: StridedWalk {
      StridedWalk(
        extents: extents, source: source, destination: destination, sourceOffset: sourceOffset,
        destinationOffset: destinationOffset)
    }

    /// Pairs of source and destination positions, one per index tuple.
    var pairs: [(from: Int, to: Int)] {
      var all = [(from: sourceOffset, to: destinationOffset)]
      for axis in extents.indices {
        all = all.flatMap { pair in
          (0..<extents[axis]).map { (pair.from + $0 * source[axis], pair.to + $0 * destination[axis]) }
        }
      }
      return all
    }
  }

  /// A layout of `extents` in some order of axes, with gaps, some axes repeated and some reversed.
  private func layout(
    _ numbers: inout Numbers, _ extents: [Int], repeated: [Bool], reversed: Bool
  ) -> (strides: [Int], offset: Int, count: Int) {
    var order = Array(extents.indices)
    for i in order.indices.reversed() { order.swapAt(i, numbers.integer(below: i + 1)) }
    var strides = [Int](repeating: 0, count: extents.count)
    var room = 1
    var offset = 0
    for axis in order where !repeated[axis] {
      strides[axis] = room
      room *= extents[axis] + (numbers.integer(below: 4) == 0 ? 1 : 0)
      if reversed, extents[axis] > 0, numbers.integer(below: 3) == 0 {
        offset += strides[axis] * (extents[axis] - 1)
        strides[axis] = -strides[axis]
      }
    }
    return (strides, offset, max(1, room))
  }

  private func random(_ numbers: inout Numbers, reducing: Bool) -> Plain {
    let rank = numbers.integer(below: 5)
    let extents = (0..<rank).map { _ in
      numbers.integer(below: 12) == 0
        ? 0 : numbers.integer(below: 4) == 0 ? 20 : 1 + numbers.integer(below: 4)
    }
    let repeats = extents.map { _ in numbers.integer(below: 4) == 0 }
    let sums = extents.map { _ in reducing && numbers.integer(below: 2) == 0 }
    let from = layout(&numbers, extents, repeated: repeats, reversed: true)
    let to = layout(&numbers, extents, repeated: sums, reversed: false)
    return Plain(
      extents: extents, source: from.strides, destination: to.strides, sourceOffset: from.offset,
      destinationOffset: to.offset, sourceCount: from.count, destinationCount: to.count)
  }

  private func check<T: Scalar>(_: T.Type, _ plain: Plain, _ x: [Double], _ y: [Double], accumulate: Bool) {
    let walk = plain.walk
    XCTAssertEqual(walk.count, plain.pairs.count)
    // Where tuples meet, a caller asks for accumulation.
    let accumulate = accumulate || walk.reduces
    var wanted = y
    for (from, to) in plain.pairs {
      if accumulate { wanted[to] += -0.75 * x[from] } else { wanted[to] = -0.75 * x[from] }
    }
    let (source, destination) = (Buffer<T>(x), Buffer<T>(y))
    stridedCopy(T.self, walk, source.pointer, destination.pointer, -0.75, accumulate)
    expectClose(T.self, destination.values, wanted, units: 64, "\(plain)")
  }

  func testRandomWalksAgainstIndexTuples() {
    var numbers = Numbers(seed: 3)
    for trial in 0..<300 {
      let plain = random(&numbers, reducing: trial % 2 == 0)
      let (x, y) = (numbers.array(plain.sourceCount), numbers.array(plain.destinationCount))
      for type in scalarTypes { check(type, plain, x, y, accumulate: trial % 3 == 0) }
    }
  }

  func testAWalkReducesWhereTuplesMeet() {
    var numbers = Numbers(seed: 4)
    for _ in 0..<200 {
      let plain = random(&numbers, reducing: true)
      let targets = plain.pairs.map(\.to)
      if !targets.isEmpty {
        XCTAssertEqual(plain.walk.reduces, Set(targets).count < targets.count, "\(plain)")
      }
    }
  }

  func testSwappedIsTheAdjoint() {
    var numbers = Numbers(seed: 5)
    for _ in 0..<100 {
      let plain = random(&numbers, reducing: true)
      let (x, y) = (numbers.array(plain.sourceCount), numbers.array(plain.destinationCount))
      let (source, image) = (Buffer<Double>(x), Buffer<Double>(count: plain.destinationCount, filledWith: 0))
      stridedCopy(Double.self, plain.walk, source.pointer, image.pointer, 1, true)
      let (target, back) = (Buffer<Double>(y), Buffer<Double>(count: plain.sourceCount, filledWith: 0))
      stridedCopy(Double.self, plain.walk.swapped, target.pointer, back.pointer, 1, true)
      XCTAssertEqual(dot(image.values, y), dot(back.values, x), accuracy: 1e-12, "\(plain)")
    }
  }

  /// Large enough to be shared among threads: a transposition, sums along either axis, a broadcast row.
  func testLargeWalks() {
    for (rows, columns) in [(300, 257), (4001, 20)] { checkLargeWalks(rows, columns) }
  }

  private func checkLargeWalks(_ rows: Int, _ columns: Int) {
    var numbers = Numbers(seed: 6)
    let x = numbers.array(rows * columns)
    func plain(_ source: [Int], _ destination: [Int], _ count: Int) -> Plain {
      Plain(
        extents: [rows, columns], source: source, destination: destination, sourceOffset: 0,
        destinationOffset: 0, sourceCount: x.count, destinationCount: count)
    }
    let cases = [
      plain([columns, 1], [1, rows], x.count), plain([columns, 1], [1, 0], rows),
      plain([columns, 1], [0, 1], columns), plain([0, 1], [columns, 1], x.count),
    ]
    func run<T: Scalar>(_: T.Type) {
      for c in cases {
        let source = Buffer<T>(x)
        var wanted = [Double](repeating: 0, count: c.destinationCount)
        for (from, to) in c.pairs { wanted[to] += x[from] }
        let got = sameBitsForAnyThreads {
          let destination = Buffer<T>(count: c.destinationCount, filledWith: 0)
          stridedCopy(T.self, c.walk, source.pointer, destination.pointer, 1, true)
          return destination.values
        }
        expectClose(T.self, got, wanted, units: 200)
      }
    }
    for type in scalarTypes { run(type) }
  }

  /// A running sum in single precision would be wrong in the fourth digit here.
  func testLongSumsKeepTheirDigits() {
    let n = 100_000
    let x = Buffer<Float>(count: n, filledWith: 0.1)
    let sum = Buffer<Float>([0])
    let walk = StridedWalk(extents: [n], source: [1], destination: [0])
    stridedCopy(Float.self, walk, x.pointer, sum.pointer, 1, false)
    XCTAssertEqual(sum.values[0], Double(n) * Double(Float(0.1)), accuracy: 0.02)
  }
}
