import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

/// Every direction of the catalogue against plain loops in double precision, over 20 steps.
final class DirectionTests: XCTestCase {
  func testEveryDirectionHasAReference() {
    XCTAssertEqual(Set(Reference.all.map(\.name)), Set(DirectionCatalogue.directions.map { $0.card.name }))
  }

  func testAgainstPlainLoops() throws {
    for reference in Reference.all {
      let direction = try makeDirection(reference.name, reference.arguments)
      for n in tailCounts {
        for type in scalarTypes { checkAgainstPlainLoops(type, direction, reference, n) }
      }
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
