import Vocabulary
import XCTest

@testable import Adaptation

final class AutoTests: XCTestCase {
  private func make(_ numbers: [String: Double] = [:], _ limits: RateLimits? = nil) throws -> Auto {
    try Auto(Auto.card.read(Attributes("Auto", numbers: numbers)), limits: limits ?? RateLimits())
  }

  private func view(_ loss: Double = 1, cosine: Double? = nil) -> StepView {
    var view = StepView(loss: loss)
    (view.slope, view.gradientNorm2) = (4, 1)
    if let cosine {
      view.previous = StepView.Previous()
      view.previous!.decayedDirectionDot = 4 * cosine
    }
    return view
  }

  /// Decisions of a search in which steps are right up to `right` and too long beyond.
  private func search(_ machine: inout Auto, right: Double) -> [Decision] {
    var decisions: [Decision] = []
    var rate: Double?
    while machine.isSearching {
      let cosine = rate.map { $0 <= right ? 0.9 : -0.9 }
      decisions.append(machine.decide(view(rate.map { $0 <= right ? 1 : 1 + $0 } ?? 1, cosine: cosine)))
      rate = decisions.last!.number
    }
    return decisions
  }

  func testSearchesThenFollowsItsPlan() throws {
    var machine = try make(["steps": 600])
    let decisions = search(&machine, right: 1e-2)
    XCTAssertEqual(decisions.last, .putBack)
    XCTAssertEqual(decisions.filter { $0 == .putBack }.count, 1)
    XCTAssertEqual(machine.searched, decisions.count)
    XCTAssertLessThanOrEqual(machine.searched, 36)
    // 0.8 of the turn, which lies on a grid of rates 1.3 apart
    XCTAssertEqual(machine.found / 8e-3, 1, accuracy: 0.3)
    let steps = 600 - machine.searched
    let rates = (0..<steps).map { _ in machine.decide(view()).number }
    let shape = try schedule(
      "trapezoid",
      [
        "rate": machine.found, "steps": Double(steps), "warmup": Double(machine.plan.warmup),
        "decay": Double(machine.plan.decay),
      ])
    XCTAssertEqual(rates, (0..<steps).map(shape.value))
    XCTAssertEqual(machine.taken, 600)
    XCTAssertThrowsError(try machine.check(loss: 1)) { XCTAssertTrue("\($0)".contains("600 steps"), "\($0)") }
  }

  func testShortRunsTakeMoreByACubeRootAndNoneMoreThanTheCap() throws {
    // both searches have 16 steps at most
    var (short, usual) = (
      try make(["steps": 240, "search": 0.0667]), try make(["steps": 600, "search": 0.0267])
    )
    _ = (search(&short, right: 3e-3), search(&usual, right: 3e-3))
    XCTAssertEqual(short.found / usual.found, cbrt(2.5), accuracy: 1e-12)
    var (thousand, more) = (try make(["steps": 1000]), try make(["steps": 8000]))
    _ = (search(&thousand, right: 1e-2), search(&more, right: 1e-2))
    XCTAssertEqual(more.found, thousand.found)
    var wild = try make(["steps": 600])
    _ = search(&wild, right: 10)
    XCTAssertEqual(wild.found, 0.03)
  }

  func testARunTooShortToSearchInTakesThePrior() throws {
    for numbers in [["steps": 159.0], ["steps": 600, "search": 0]] {
      var machine = try make(numbers)
      XCTAssertFalse(machine.isSearching)
      XCTAssertGreaterThan(machine.decide(view()).number, 0)
      XCTAssertEqual(machine.found, 0.01 * cbrt(600 / numbers["steps"]!), accuracy: 1e-15)
      XCTAssertEqual(machine.searched, 0)
    }
    XCTAssertTrue(try make(["steps": 160]).isSearching)
  }

  /// Cosines that average to nothing at every rate.
  func testASearchInNoiseTakesThePrior() throws {
    var machine = try make(["steps": 600])
    var count = 0
    while machine.isSearching {
      _ = machine.decide(view(cosine: count == 0 ? nil : count % 2 == 0 ? 0.4 : -0.4))
      count += 1
    }
    XCTAssertFalse(machine.isReliable)
    XCTAssertEqual(machine.found, 0.01)
    var clear = try make(["steps": 600])
    _ = search(&clear, right: 1e-2)
    XCTAssertTrue(clear.isReliable)
  }

  func testWithoutTheNumberOfStepsThereIsNoRun() throws {
    var machine = try make()
    XCTAssertThrowsError(try machine.check(loss: 1)) {
      XCTAssertEqual(($0 as? Failure)?.kind, .value)
      XCTAssertTrue("\($0)".contains("steps="), "\($0)")
    }
    machine.begin(run: 200)
    XCTAssertNoThrow(try machine.check(loss: 1))
    XCTAssertTrue(machine.isSearching)
  }

  func testASecondRunKeepsWhatTheFirstFound() throws {
    var machine = try make()
    machine.begin(run: 200)
    _ = search(&machine, right: 1e-2)
    let found = machine.found
    while machine.taken < machine.run { _ = machine.decide(view()) }
    machine.begin(run: 50)
    XCTAssertFalse(machine.isSearching)
    XCTAssertNoThrow(try machine.check(loss: 1))
    let rates = (0..<50).map { _ in machine.decide(view()).number }
    XCTAssertEqual(rates.max(), found)
    XCTAssertEqual(rates.last! / found, 1.0 / 30, accuracy: 1e-12)
  }

  /// The search and the rise of 600 steps, level as long as nobody ends it, then down in a straight line.
  func testARunWithoutAnEndFallsWhenItIsTold() throws {
    var machine = try make(["steps": .infinity])
    XCTAssertThrowsError(try machine.finish(in: 10)) { XCTAssertTrue("\($0)".contains("search"), "\($0)") }
    _ = search(&machine, right: 1e-2)
    XCTAssertEqual(machine.found / 8e-3, 1, accuracy: 0.3)
    XCTAssertEqual(searchProperty("run_steps", of: machine), .infinity)
    let risen = (0..<30).map { _ in machine.decide(view()).number }
    XCTAssertEqual(risen, (1...30).map { machine.found * min(1, Double($0) / 30) })
    for _ in 0..<1000 { XCTAssertEqual(machine.decide(view()).number, machine.found) }
    var other = try make(["steps": .infinity])
    other.restore(Dictionary(uniqueKeysWithValues: machine.state.map { ($0.name, $0.value) }))
    for i in 0..<2 {
      if i == 1 { machine = other }
      XCTAssertNoThrow(try machine.check(loss: 1))
      try machine.finish(in: 40)
      let fallen = (0..<40).map { _ in machine.decide(view()).number }
      XCTAssertEqual(fallen, (0..<40).map { machine.found * (Double(40 - $0) / 40) })
      XCTAssertThrowsError(try machine.check(loss: 1)) {
        XCTAssertTrue("\($0)".contains("are taken"), "\($0)")
      }
      XCTAssertThrowsError(try machine.finish(in: 10))
    }
  }

  /// Told so in the middle of its fall, a rate goes on from where it stands.
  func testARunThatIsToEndEarlyFallsFromWhereItStands() throws {
    var machine = try make(["steps": 1000, "search": 0, "warmup": 0, "decay": 0.5])
    for _ in 0..<750 { _ = machine.decide(view()) }
    try machine.finish(in: 10)
    let rates = (0..<10).map { _ in machine.decide(view()).number / machine.found }
    for (i, rate) in rates.enumerated() { XCTAssertEqual(rate, 0.5 * Double(10 - i) / 10, accuracy: 1e-12) }
    machine.begin(run: 100)
    XCTAssertEqual(machine.plan.decay, 50)
  }

  /// As after Ctrl-C: what was left of the run before is of no account.
  func testARunThatWasInterruptedIsFollowedByAWholeOne() throws {
    var machine = try make()
    machine.begin(run: 400)
    _ = search(&machine, right: 1e-2)
    for _ in 0..<100 { _ = machine.decide(view()) }
    machine.begin(run: 50)
    let rates = (0..<50).map { _ in machine.decide(view()).number }
    XCTAssertEqual(rates.max(), machine.found)
    XCTAssertThrowsError(try machine.check(loss: 1))
    var begun = try make()
    begun.begin(run: 400)
    for i in 0..<5 { _ = begun.decide(view(cosine: i == 0 ? nil : 0.9)) }
    begun.begin(run: 400)
    XCTAssertTrue(begun.isSearching)
    XCTAssertEqual(begun.run, 405)
  }

  /// Along the gradient itself the first rate comes from loss and slope, and there is no cap.
  func testTheScaleOfAGradientDirectionIsItsOwn() throws {
    var machine = try make(["steps": 600])
    var first = StepView(loss: 5)
    (first.slope, first.gradientNorm2) = (1e-6, 1e-6)
    XCTAssertEqual(machine.decide(first).number, 3e-3 * 5 / 1e-6, accuracy: 1e-6)
  }

  func testALossThatIsNotFiniteEndsTheSearch() throws {
    var machine = try make(["steps": 600])
    for i in 0..<12 { _ = machine.decide(view(cosine: i == 0 ? nil : 0.9)) }
    machine.giveUp()
    XCTAssertFalse(machine.isSearching)
    XCTAssertEqual(machine.searched, 13)
    XCTAssertGreaterThan(machine.found, 1e-4)
  }

  /// Too high from the first step on: once more from a thousandth.
  func testARampThatBeginsTooHighIsRepeatedLower() throws {
    var machine = try make(["steps": 600])
    let decisions = search(&machine, right: 1e-6)
    XCTAssertEqual(decisions.filter { $0 == .putBack }.count, 2)
    XCTAssertEqual(machine.found / 8e-7, 1, accuracy: 0.4)
  }

  func testGoesOnFromItsStateWhereverItStands() throws {
    for stop in [0, 1, 9, 100] {
      var machine = try make(["steps": 300])
      var other = try make(["steps": 300])
      func step(_ machine: inout Auto, _ i: Int) -> Decision {
        machine.decide(view(1 + 0.01 * Double(i % 5), cosine: i == 0 ? nil : i < 14 ? 0.7 : -0.8))
      }
      for i in 0..<stop { _ = step(&machine, i) }
      other.restore(Dictionary(uniqueKeysWithValues: machine.state.map { ($0.name, $0.value) }))
      for i in stop..<250 { XCTAssertEqual(step(&other, i), step(&machine, i), "\(stop), \(i)") }
    }
  }

  func testOneRateForAllParameters() {
    XCTAssertThrowsError(
      try RateChoice("auto", Attributes("Auto", ["steps": .numbers([300]), "per": .text("tensor")]))
    ) { XCTAssertTrue("\($0)".contains("per must be 'all'"), "\($0)") }
  }
}
