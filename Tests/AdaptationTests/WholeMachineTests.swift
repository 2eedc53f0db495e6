import Vocabulary
import XCTest

@testable import Adaptation

/// The scalar halves of whole methods, over vectors of length 1: f = h x^2 / 2. The Python tests hold both halves to
/// references written from the papers.
final class WholeMachineTests: XCTestCase {
  private let types = RateCatalogue.machines.compactMap { $0 as? any WholeMachine.Type }

  private func make(_ type: any WholeMachine.Type, _ arguments: [String: Double] = [:], low: Double = 0)
    throws -> any WholeMachine
  {
    try type.init(
      type.card.read(Attributes(type.card.title, numbers: arguments)), limits: RateLimits(low: low, high: 5))
  }

  private func view(_ gradient: Double, adaptive: Bool) -> StepView {
    var view = StepView(loss: gradient * gradient)
    view.gradientNorm2 = gradient * gradient
    view.pairing.adaptive = adaptive
    (view.pairing.beta1, view.pairing.beta2) = adaptive ? (0.9, 0.99) : (0, 0)
    (view.sums.first, view.sums.second, view.sums.third) = (
      0.3 * gradient, gradient * gradient, gradient * gradient
    )
    return view
  }

  private func rate(_ machine: inout any WholeMachine, _ view: StepView) -> Double? {
    guard machine.prepare(view) != nil, case .take(let rate) = machine.decide(view) else { return nil }
    return rate
  }

  func testStateIsEverything() throws {
    for type in types {
      let adaptive = type.directions.contains("adam")
      for stop in [0, 1, 25] {
        var machine = try make(type)
        for step in 0..<stop { _ = rate(&machine, view(1 / Double(step + 1), adaptive: adaptive)) }
        var other = try make(type)
        other.restore(Dictionary(uniqueKeysWithValues: machine.state.map { ($0.name, $0.value) }))
        for step in 0..<30 {
          let view = view(2 / Double(step + 3), adaptive: adaptive)
          let (a, b) = (rate(&machine, view), rate(&other, view))
          XCTAssertEqual(a?.bitPattern, b?.bitPattern, "\(type.card.name) from step \(stop)")
        }
        XCTAssertEqual(machine.state.map(\.value.bitPattern), other.state.map(\.value.bitPattern))
      }
    }
  }

  func testZeroGradientsGiveFiniteRatesAndState() throws {
    for type in types {
      for adaptive in [true, false] {
        var machine = try make(type)
        for _ in 0..<5 { XCTAssertTrue(rate(&machine, view(0, adaptive: adaptive))?.isFinite ?? true) }
        let kept = machine.state.filter { !$0.name.hasPrefix("window_") }
        XCTAssertTrue(kept.allSatisfy(\.value.isFinite), "\(type.card.name): \(kept)")
        XCTAssertTrue(rate(&machine, view(1, adaptive: adaptive))?.isFinite ?? true)
      }
    }
  }

  func testLimitsAndTheScheduleAfterThem() throws {
    for type in types {
      let adaptive = type.directions.contains("adam")
      var machine = try make(type, low: 5)
      XCTAssertEqual(machine.rate, 5, type.card.name)
      var view = view(1, adaptive: adaptive)
      XCTAssertEqual(rate(&machine, view), 5, type.card.name)
      guard type.card.name != "momo" else { continue }
      view.pairing.factor = 0.5
      XCTAssertEqual(rate(&machine, view), 2.5, type.card.name)
    }
  }

  /// x of the golden values: sqrt(momentum) for p = 0.01, 1 and 100; and an end of [0, 1] where rounding leaves it.
  func testYellowFinRoots() {
    for (p, root) in [(0.01, 0.8), (1, 0.317673), (100, 0.009712)] {
      XCTAssertEqual(YellowFin.root(p), root, accuracy: 3e-6)
    }
    for p in [0, 1e-300, 1e-18, 1e-9, 1e12, 1e200, .infinity] {
      XCTAssertTrue((0...1).contains(YellowFin.root(p)), "\(p): \(YellowFin.root(p))")
    }
  }

  /// c = 1 / t at a constant rate: x is the plain mean of all z.
  func testScheduleFreeAveragesEvenly() throws {
    var machine = try make(ScheduleFree.self)
    for t in 1...10 {
      let pass = machine.prepare(view(1, adaptive: false))
      XCTAssertEqual(try XCTUnwrap(pass).weight, 1 / Double(t), accuracy: 1e-15)
    }
    var still = try make(ScheduleFree.self)
    var nothing = view(1, adaptive: false)
    nothing.pairing.factor = 0
    XCTAssertEqual(still.prepare(nothing)?.weight, 0)
  }

  /// |s|^2 / |s'y| / m from the third epoch on, kept where s'y is 0; smoothing is a geometric mean over k + 1.
  func testStochasticBarzilaiBorwein() throws {
    for smoothing in [0.0, 1] {
      let settings = try StochasticBarzilaiBorwein.card.read(
        Attributes("sgd_bb", numbers: ["initial": 0.1, "smoothing": smoothing]))
      var machine = try StochasticBarzilaiBorwein(settings, limits: RateLimits())
      var view = StepView(loss: 1)
      view.stepsPerEpoch = 4
      XCTAssertEqual(machine.decide(view), .take(0.1))
      view.epoch = (6, -3)
      guard case .take(let first) = machine.decide(view) else { return XCTFail("always takes a rate") }
      XCTAssertEqual(first, 0.5, accuracy: 1e-15)
      view.epoch = (6, 0)
      XCTAssertEqual(machine.decide(view), .take(first))
      view.epoch = (6, 0.75)
      guard case .take(let second) = machine.decide(view) else { return XCTFail("always takes a rate") }
      XCTAssertEqual(second, smoothing == 0 ? 2 : (0.5 * 3 * 2 * 4).squareRoot() / 4, accuracy: 1e-14)
    }
  }
}
