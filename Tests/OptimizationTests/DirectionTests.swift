import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

/// Every direction of the catalogue against plain loops in double precision, over 20 steps.
final class DirectionTests: XCTestCase {
  private let rate = 0.05

  func testEveryDirectionHasAReference() {
    XCTAssertEqual(Set(Reference.all.map(\.name)), Set(DirectionCatalogue.directions.map { $0.card.name }))
  }

  private func check<T: Scalar>(_: T.Type, _ reference: Reference, _ n: Int) throws {
    // 1 - 0.999 has five digits in single precision, and Adam divides by its root.
    let tolerance = T.dtype == .float32 ? 2e-5 : 1e-12
    let label = "\(T.self) \(reference.name) \(reference.arguments) \(n)"
    var numbers = Numbers(seed: UInt64(n))
    let start = numbers.array(n)
    let direction = try makeDirection(reference.name, reference.arguments)
    let fused = Parameter<T>(direction, start)
    let inTwo = Parameter<T>(direction, start)
    let rules = start.map { _ in reference.make() }
    var theta = start
    for t in 1...20 {
      let g = numbers.array(n)
      let wanted = zip(rules, zip(g, theta)).map { $0(t, $1.0, $1.1) }
      theta = zip(theta, wanted).map { $0 - rate * $1.d }
      fused.step(g, rate: rate)
      let sums = inTwo.stepInTwo(g, rate: rate, aside: t % 2 == 0)
      let slope = dot(g, wanted.map(\.d))
      let smoothed = dot(wanted.map(\.smoothed), wanted.map(\.d))
      let scale = Double(n) * max(1, wanted.map { abs($0.d) }.max() ?? 0)
      XCTAssertEqual(sums.slope, slope, accuracy: 10 * tolerance * scale, "slope of \(label) at \(t)")
      XCTAssertEqual(sums.smoothedSlope, smoothed, accuracy: 10 * tolerance * scale, "smoothed, \(label)")
      for values in [fused.theta.values, inTwo.theta.values] {
        for (got, wanted) in zip(values, theta) {
          XCTAssertEqual(got, wanted, accuracy: 10 * tolerance * max(1, abs(wanted)), "\(label) at \(t)")
        }
      }
    }
  }

  func testAgainstPlainLoops() throws {
    for reference in Reference.all {
      for n in tailCounts { for type in scalarTypes { try check(type, reference, n) } }
    }
  }

  /// The average of the gradient is the first vector times `smoothing`, or the gradient with its coupled decay.
  func testWhatTheAverageIsMadeOf() throws {
    for reference in Reference.all {
      var numbers = Numbers(seed: 11)
      let direction = try makeDirection(reference.name, reference.arguments)
      let parameter = Parameter<Double>(direction, numbers.array(17))
      for t in 1...4 {
        let g = numbers.array(17)
        let (d, sums) = parameter.direct(g, aside: t % 2 == 0)
        let hyper = direction.hyper(t)
        let average =
          direction.slots.isEmpty || hyper.smoothing == 0
          ? zip(g, parameter.theta.values).map { $0 + hyper.decay * $1 }
          : parameter.state[0].values.map { hyper.smoothing * $0 }
        XCTAssertEqual(
          sums.smoothedSlope, dot(average, d.values),
          accuracy: 1e-12 * dot(d.values.map(abs), average.map(abs)),
          "\(reference.name) \(reference.arguments) \(t)")
      }
    }
  }

  func testNesterovNeedsPlainMomentum() throws {
    for arguments in [["nesterov": 1.0], ["nesterov": 1, "momentum": 0.9, "dampening": 0.1]] {
      XCTAssertThrowsError(try makeDirection("sgd", arguments)) { error in
        XCTAssertTrue("\(error)".contains("nesterov needs momentum above 0 and dampening 0"), "\(error)")
      }
    }
  }

  func testAnUnknownNameIsAnsweredWithTheKnownOnes() {
    XCTAssertThrowsError(try DirectionCatalogue.find("lion")) { error in
      XCTAssertTrue("\(error)".contains("'lion'"), "\(error)")
      for direction in DirectionCatalogue.directions {
        XCTAssertTrue("\(error)".contains(direction.card.name))
      }
    }
  }

  func testEveryArgumentIsRefusedOutsideItsBounds() {
    for type in DirectionCatalogue.directions {
      for argument in type.card.arguments {
        let given = Attributes(type.card.name, numbers: [argument.name: .nan])
        XCTAssertThrowsError(try type.card.read(given)) { error in
          XCTAssertTrue("\(error)".contains(argument.name), "\(error)")
        }
      }
    }
  }

  /// State vectors and what they are filled with go together, and there are at most two.
  func testStateVectors() throws {
    for reference in Reference.all {
      let direction = try makeDirection(reference.name, reference.arguments)
      XCTAssertEqual(direction.slots.count, direction.initialState.count)
      XCTAssertEqual(Set(direction.slots).count, direction.slots.count)
      XCTAssertLessThanOrEqual(direction.slots.count, 2)
    }
  }

  func testWholePowers() {
    for x in [0, 0.5, 0.999, 1, 1.5] {
      var product = 1.0
      for n in 0...50 {
        XCTAssertEqual(power(x, n), product, accuracy: 1e-13 * max(1, product))
        product *= x
      }
    }
    XCTAssertEqual(power(0.9, 1_000_000), 0, accuracy: 1e-300)
  }
}
