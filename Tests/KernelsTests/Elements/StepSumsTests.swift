import TestSupport
import XCTest

@testable import Kernels

final class StepSumsTests: XCTestCase {
  private func check<T: Scalar>(_: T.Type, _ n: Int) {
    var numbers = Numbers(seed: UInt64(n + 11))
    let buffers = (0..<4).map { _ in Buffer<T>(numbers.array(n)) }
    // As they are stored: the sums themselves are exact to double precision.
    let (g, d, x, before) = (buffers[0].values, buffers[1].values, buffers[2].values, buffers[3].values)
    let change = zip(g, before).map(-)
    let way = zip(before, x).map(-)
    let tolerance = 1e-13 * max(1, Double(n))
    func expect(_ got: [Double], _ want: [Double], _ what: String) {
      for (a, b) in zip(got, want) { XCTAssertEqual(a, b, accuracy: tolerance, "\(what), \(T.self) \(n)") }
    }
    func list(_ s: PreviousSums) -> [Double] {
      [
        s.gradientDirection, s.gradient2, s.direction2, s.parameterDirection, s.gradientParameter,
        s.parameter2,
        s.changeDirection, s.change2,
      ]
    }
    for (theta, kept) in [(false, false), (true, false), (false, true), (true, true)] {
      let got = sameBitsForAnyThreads {
        list(
          previousSums(
            T.self, gradient: buffers[0].pointer, direction: buffers[1].pointer,
            parameter: theta ? UnsafeRawPointer(buffers[2].pointer) : nil,
            gradientBefore: kept ? UnsafeRawPointer(buffers[3].pointer) : nil, n))
      }
      let parameter = theta ? [dot(x, d), dot(g, x), dot(x, x)] : [0, 0, 0]
      let changes = kept ? [dot(change, d), dot(change, change)] : [0, 0]
      expect(got, [dot(g, d), dot(g, g), dot(d, d)] + parameter + changes, "previous")
    }
    let travel = sameBitsForAnyThreads {
      let s = travelSums(
        T.self, gradient: buffers[0].pointer, parameter: buffers[2].pointer, start: buffers[3].pointer, n)
      return [s.travelled2, s.startDot, s.start2]
    }
    expect(travel, [dot(way, way), dot(g, way), dot(before, before)], "travel")
  }

  func testTails() { for n in tailCounts { for type in scalarTypes { check(type, n) } } }

  func testSharedOutAmongThreads() { for type in scalarTypes { check(type, 2 * blockLength + 21) } }
}
