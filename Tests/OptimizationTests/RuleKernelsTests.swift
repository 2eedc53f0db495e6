import Kernels
import TestSupport
import XCTest

@testable import Optimization

final class RuleKernelsTests: XCTestCase {
  private let names = DirectionCatalogue.directions.map { $0.card.name }

  /// One pass or two differ by the rounding of theta - rate d alone.
  private func checkFused<T: Scalar>(_: T.Type, _ name: String, _ n: Int) throws {
    var numbers = Numbers(seed: 5)
    let (start, g) = (numbers.array(n), numbers.array(n))
    let direction = try makeDirection(name, [:])
    let (fused, inTwo) = (Parameter<T>(direction, start), Parameter<T>(direction, start))
    for _ in 0..<3 {
      fused.step(g, rate: 0.1)
      _ = inTwo.stepInTwo(g, rate: 0.1, aside: false)
    }
    XCTAssertEqual(fused.state.map(\.values).count, inTwo.state.count)
    for (a, b) in zip(fused.theta.values, inTwo.theta.values) {
      XCTAssertEqual(a, b, accuracy: 16 * Double(T.ulpOfOne), "\(name) \(n)")
    }
  }

  func testFusedStepIsDirectionAndAddition() throws {
    for name in names {
      for n in tailCounts { for type in scalarTypes { try checkFused(type, name, n) } }
    }
  }

  private func checkThreads<T: Scalar>(_: T.Type, _ name: String) throws {
    let n = 2 * (1 << 15) + 19
    var numbers = Numbers(seed: 6)
    let (start, g) = (numbers.array(n), numbers.array(n))
    let direction = try makeDirection(name, [:])
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = before }
    var results: [[UInt64]] = []
    for threads in [1, 2, 5] {
      ThreadPool.shared.threads = threads
      let parameter = Parameter<T>(direction, start)
      parameter.step(g, rate: 0.1)
      let (d, sums) = parameter.direct(g, aside: false)
      XCTAssertEqual(sums.slope, dot(g, d.values), accuracy: 1e-9 * Double(n), name)
      let all = parameter.theta.values + d.values + [sums.slope, sums.smoothedSlope]
      results.append((all + parameter.state.flatMap(\.values)).map(\.bitPattern))
    }
    XCTAssertEqual(results[0], results[1], name)
    XCTAssertEqual(results[0], results[2], name)
  }

  func testSameBitsForAnyThreads() throws {
    try checkThreads(Float.self, "adam")
    try checkThreads(Double.self, "ema")
  }

  func testNoElements() throws {
    for name in names {
      let parameter = Parameter<Float>(try makeDirection(name, [:]), [])
      parameter.step([], rate: 1)
      let (_, sums) = parameter.direct([], aside: true)
      XCTAssertEqual(sums.slope, 0)
      XCTAssertEqual(sums.smoothedSlope, 0)
    }
  }

  /// The unused lanes of the last vector hold 0 / 0 here; sums must not see them.
  func testSumsAreFiniteWithoutEpsilonWhateverTheLength() throws {
    for name in ["adam", "adamw", "rmsprop", "adagrad"] {
      for n in [16, 17] {
        let parameter = Parameter<Float>(
          try makeDirection(name, ["epsilon": 0]), [Double](repeating: 1, count: n))
        let (d, sums) = parameter.direct([Double](repeating: 0.5, count: n), aside: false)
        XCTAssertTrue(d.values.allSatisfy(\.isFinite))
        XCTAssertTrue(
          sums.slope.isFinite && sums.smoothedSlope.isFinite, "\(name) without epsilon, \(n) elements")
      }
    }
  }
}
