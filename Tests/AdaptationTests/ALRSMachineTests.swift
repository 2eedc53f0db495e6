import Vocabulary
import XCTest

@testable import Adaptation

final class ALRSMachineTests: XCTestCase {
  private func machine(
    _ arguments: [String: Double] = [:], start: Double = 1, rule: String? = nil
  ) throws -> ALRSMachine {
    let search = SBFSearch(try SBFSearch.card.read(Attributes("SBFSearch", numbers: ["start": start])))
    var values = arguments.mapValues { Attributes.Value.numbers([$0]) }
    values["rule"] = rule.map(Attributes.Value.text)
    return try ALRSMachine(search, Attributes("find_lr", values))
  }

  /// The signal of a window of derivatives, after the first, which never counts.
  private func signal(_ derivatives: [Double]) throws -> Int {
    var machine = try machine(["window": Double(derivatives.count)])
    _ = try machine.observe(0)
    return try derivatives.map { try machine.observe($0).signal }.last!
  }

  func testIncreasesWhereNineOfTenAndTheSumAreNegative() throws {
    let nine = [Double](repeating: -1, count: 9)
    XCTAssertEqual(try signal(nine + [8]), 1)
    XCTAssertEqual(try signal(nine + [9]), -1, "a sum of 0 is not negative")
    XCTAssertEqual(try signal(Array(nine.dropLast()) + [0.1, 0.1]), -1, "8 of 10")
    XCTAssertEqual(try signal([-1, -1, -1]), 1)
    XCTAssertEqual(try signal([-1, -5, 1]), -1, "2 of 3 are fewer than 9 of 10")
    XCTAssertEqual(try signal([-1e-300]), 1)
    XCTAssertEqual(try signal([0]), -1)
  }

  /// The search gets the signal, at the end of a window and only there.
  func testAWindowIsASignal() throws {
    var machine = try machine(["window": 2])
    var signals = [Int]()
    for _ in 0..<7 { signals.append(try machine.observe(-1).signal) }
    XCTAssertEqual(signals, [0, 0, 1, 0, 1, 0, 1])
    XCTAssertEqual(machine.search.signals, 3)
    XCTAssertGreaterThan(machine.search.value, 2)
  }

  func testTheFirstDerivativeCountsOnDemand() throws {
    var without = try machine(["window": 1])
    XCTAssertTrue(try without.observe(0).derivative.isNaN)
    XCTAssertEqual(without.search.signals, 0)
    var with = try machine(["window": 1, "count_first_zero": 1])
    XCTAssertEqual(try with.observe(0).derivative, 0)
    XCTAssertEqual(with.search.signals, 1)
  }

  /// It counts against the rate, and what follows is a first derivative again.
  func testWhatIsNotFinite() throws {
    for bad in [Double.nan, .infinity, -.infinity] {
      var machine = try machine(["window": 2])
      for _ in 0..<2 { _ = try machine.observe(-1) }
      XCTAssertEqual(
        try machine.observe(bad), .init(derivative: .infinity, signal: -1, startsAnew: true), "\(bad)")
      XCTAssertTrue(try machine.observe(0).derivative.isNaN)
      XCTAssertEqual(try machine.observe(-1).derivative, -1)
    }
  }

  /// 1, 1/2, 1/4, ...: each signal halves the value while nothing has raised its lower limit.
  func testStartsAnewWhereTheValueHasMovedFar() throws {
    for (restart, expected) in [(2.0, [true, true, true, true]), (3, [false, true, false, true])] {
      var machine = try machine(["window": 1, "count_first_zero": 1, "restart": restart])
      let verdicts = try (0..<4).map { _ in try machine.observe(1) }
      XCTAssertEqual(machine.search.value, 1.0 / 16)
      XCTAssertEqual(verdicts.map(\.startsAnew), expected, "restart \(restart)")
    }
    var rising = try machine(["window": 1, "count_first_zero": 1, "restart": 1.6])
    let values = try (0..<3).map { _ in
      let anew = try rising.observe(-1).startsAnew
      return (rising.search.value, anew)
    }
    XCTAssertEqual(values[0].0, 1.5)
    XCTAssertEqual(values.map(\.1), [false, true, false], "1.5 and what follows it, of 1, then of that")
  }

  func testAccumulatingStartsAnewAtEverySignal() throws {
    var machine = try machine(["window": 2, "accumulate": 1])
    var anew = [Bool]()
    for _ in 0..<6 { anew.append(try machine.observe(-1).startsAnew) }
    XCTAssertEqual(anew, [false, false, true, false, false, true])
  }

  /// Derivatives of f = h x^2 / 2 at x - v h x, x = 1: the value ends where a step goes too far.
  func testSteersASearch() throws {
    for h in [0.2, 30] {
      var machine = try machine(["window": 5], rule: "signs")
      while !machine.search.isDone {
        let v = machine.search.value
        _ = try machine.observe(h * (1 - v * h) * (-v * h))
      }
      XCTAssertEqual(machine.search.value * h, 1, accuracy: 0.1)
      XCTAssertThrowsError(try machine.observe(-1)) { XCTAssertTrue("\($0)".contains("done")) }
    }
  }

  /// Losses decide, from the search's value on; the steps add up; derivatives only say whether something was finite.
  func testTrialsTakeTheSearchOver() throws {
    let search = SBFSearch(try SBFSearch.card.read(Attributes("SBFSearch", numbers: ["start": 0.25])))
    var machine = try ALRSMachine(search, Attributes("find_lr", ["rule": .text("trials")]))
    XCTAssertTrue(machine.accumulates)
    XCTAssertEqual(machine.value, 0, "the loss as it is comes first")
    for i in 0..<8 {
      let verdict = try machine.observe(0, loss: 1)
      XCTAssertTrue(verdict.derivative.isNaN)
      XCTAssertEqual(verdict.startsAnew, i == 7)
      XCTAssertEqual(verdict.signal, 0)
    }
    XCTAssertEqual(machine.value, 0.25)
    XCTAssertTrue(try machine.observe(0, loss: 1).derivative.isNaN, "A is 0 where a run begins")
    XCTAssertEqual(try machine.observe(-3, loss: 1).derivative, -3)
    XCTAssertEqual(
      try machine.observe(.infinity, loss: 1), .init(derivative: .infinity, signal: 0, startsAnew: true),
      "a loss counts as infinite where its gradient is")
    XCTAssertEqual(machine.value, 0.25e-4, accuracy: 1e-12)
    while !machine.isDone { _ = try machine.observe(-1, loss: 1) }
    XCTAssertThrowsError(try machine.observe(-1, loss: 1)) { XCTAssertTrue("\($0)".contains("done")) }
    XCTAssertEqual(machine.search.signals, 0)
  }

  func testArgumentsAreNamed() throws {
    let cases: [([String: Double], String)] = [
      ([:], "'window'"), (["window": 0], "window must be at least 1, got 0"),
      (["window": 1.5], "window"), (["window": 1, "restart": 1], "restart must be above 1, got 1"),
      (["window": 1, "windows": 1], "'windows'"),
    ]
    for (arguments, part) in cases {
      XCTAssertThrowsError(try machine(arguments)) { XCTAssertTrue("\($0)".contains(part), "\($0)") }
    }
    XCTAssertThrowsError(try machine(["window": 1], rule: "sings")) {
      XCTAssertTrue("\($0)".contains("rule: got 'sings'; allowed: signs, trials"), "\($0)")
    }
    XCTAssertThrowsError(try machine(["window": 1], rule: "trials")) {
      XCTAssertTrue("\($0)".contains("'window'"), "\($0)")
    }
  }
}
