import TestSupport
import Vocabulary
import XCTest

@testable import Adaptation

/// Published values of the methods on f = (x^2 + 4 y^2 + 10 z^2) / 2 from (1, -2, 0.5), by the scalar machines alone.
final class GoldenTests: XCTestCase {
  private let h = [1.0, 4.0, 10.0]
  private let start = [1.0, -2.0, 0.5]

  private func loss(_ x: [Double]) -> Double { 0.5 * zip(h, x).reduce(0) { $0 + $1.0 * $1.1 * $1.1 } }
  private func gradient(_ x: [Double]) -> [Double] { zip(h, x).map(*) }
  private func moved(_ x: [Double], _ rate: Double, _ d: [Double]) -> [Double] {
    zip(x, d).map { $0 - rate * $1 }
  }

  private func machine<M: RateMachine>(_: M.Type, _ arguments: [String: Double] = [:]) throws -> M {
    try M(M.card.read(Attributes(M.card.title, numbers: arguments)), limits: RateLimits())
  }

  /// Answers probes until the machine takes a rate.
  private func rate(_ machine: inout some RateMachine, _ view: StepView, _ x: [Double], _ d: [Double])
    -> Double
  {
    var view = view
    while true {
      switch machine.decide(view) {
      case .take(let rate): return rate
      case .stay, .putBack: return 0
      case .measureCurvature: view.curvature = dot(zip(h, d).map(*), d)
      case .probe(let length), .probeGradient(let length):
        let there = moved(x, length, d)
        view.probe = StepView.Probe(length: length, loss: loss(there), slope: dot(gradient(there), d))
      }
    }
  }

  func testL4WithAveragedMomentum() throws {
    var machine = try machine(L4.self)
    var (x, average) = (start, [0.0, 0, 0])
    var weight = 1.0
    var rates: [Double] = []
    var losses: [Double] = []
    for _ in 0..<5 {
      average = zip(average, gradient(x)).map { 0.9 * $0 + 0.1 * $1 }
      weight *= 0.9
      let d = average.map { $0 / (1 - weight) }
      var view = StepView(loss: loss(x))
      view.smoothedSlope = dot(d, d)
      let eta = rate(&machine, view, x, d)
      x = moved(x, eta, d)
      rates.append(eta)
      losses.append(loss(x))
    }
    for (got, wanted) in zip(rates, [0.00528125, 0.0046335852, 0.0040655582, 0.0035656522, 0.0031245699]) {
      XCTAssertEqual(got, wanted, accuracy: 5e-11)
    }
    for (got, wanted) in zip(losses, [9.2817580210, 8.8886670832, 8.5572360991, 8.2768274039, 8.0389524296]) {
      XCTAssertEqual(got, wanted, accuracy: 5e-11)
    }
  }

  func testTLR() throws {
    var machine = try machine(TLR.self, ["window_steps": 1])
    var (x, before) = (start, [0.0, 0, 0])
    let wanted: [Int: (rate: Double, loss: Double)] = [
      0: (0.01, 8.87535), 1: (0.0125, 7.9070226328), 2: (0.015625, 6.8631308295),
      5: (0.0305175781, 3.6158809555),
      11: (0.1164153218, 0.2096277334),
    ]
    for k in 0...11 {
      let g = gradient(x)
      var view = StepView(loss: loss(x))
      view.window = StepView.Window(previousDot: dot(g, before), norm2: dot(g, g))
      let alpha = rate(&machine, view, x, g)
      x = moved(x, alpha, g)
      before = g
      guard let expected = wanted[k] else { continue }
      XCTAssertEqual(alpha, expected.rate, accuracy: 5e-11)
      XCTAssertEqual(loss(x), expected.loss, accuracy: 5e-11)
    }
  }

  func testQLABGrad() throws {
    var machine = try machine(QLABGrad.self, ["trial": 0.1])
    var x = start
    let rates = [0.1775147929, 0.1222547214, 0.1966081363, 0.1452744525, 0.2329785946]
    let losses = [1.7618343195, 0.4733891525, 0.2109238156, 0.1313990300, 0.0848819365]
    for k in 0..<5 {
      let g = gradient(x)
      var view = StepView(loss: loss(x))
      view.slope = dot(g, g)
      let alpha = rate(&machine, view, x, g)
      x = moved(x, alpha, g)
      XCTAssertEqual(alpha, rates[k], accuracy: 5e-11)
      XCTAssertEqual(loss(x), losses[k], accuracy: 5e-11)
    }
  }

  /// A rate far beyond the trial rate is halved until the loss there falls nearly as the parabola promises.
  func testQLABGradDoesNotTrustFarExtrapolation() throws {
    var machine = try machine(QLABGrad.self, ["trial": 0.01, "find_trial": 0])
    var view = StepView(loss: 1)
    view.slope = 1
    XCTAssertEqual(machine.decide(view), .probe(at: 0.01))
    // A nearly straight piece: the parabola's minimum lies at 0.5, fifty trial rates away.
    view.probe = StepView.Probe(length: 0.01, loss: 1 - 0.01 + 1e-4)
    guard case .probe(let far) = machine.decide(view) else { return XCTFail("an unchecked extrapolation") }
    XCTAssertEqual(far, 0.5, accuracy: 1e-12)
    view.probe = StepView.Probe(length: far, loss: 7)
    guard case .probe(let nearer) = machine.decide(view) else { return XCTFail("a step to a higher loss") }
    XCTAssertEqual(nearer, 0.25, accuracy: 1e-12)
    view.probe = StepView.Probe(length: nearer, loss: 1 - 0.4 * nearer - 1e-9)
    XCTAssertEqual(machine.decide(view), .take(nearer))
  }

  func testFindPLR() throws {
    for (given, found) in [(1e-5, 1e-5), (0.1, 0.1), (10, 0.3125)] {
      var machine = try machine(QLABGrad.self, ["trial": given])
      let g = gradient(start)
      var view = StepView(loss: loss(start))
      view.slope = dot(g, g)
      _ = rate(&machine, view, start, g)
      XCTAssertEqual(machine.state.first { $0.name == "trial" }!.value, found)
    }
  }

  /// The factor of TLR lies between 3/4 and 1 + bound, whatever the gradients.
  func testTLRFactorIsBounded() throws {
    var seed: UInt64 = 88_172_645_463_325_252
    func next() -> Double {
      seed ^= seed << 13
      seed ^= seed >> 7
      seed ^= seed << 17
      return Double(seed >> 11) / Double(1 << 52) - 1
    }
    for _ in 0..<5000 {
      var machine = try machine(TLR.self, ["initial": 1])
      let (a, b) = ((0..<3).map { _ in next() }, (0..<3).map { _ in next() })
      var view = StepView(loss: 1)
      view.window = StepView.Window(previousDot: dot(a, b), norm2: dot(a, a))
      guard case .take(let rate) = machine.decide(view) else { return XCTFail("TLR always takes a rate") }
      XCTAssertGreaterThanOrEqual(rate, 0.75)
      XCTAssertLessThanOrEqual(rate, 1.25)
    }
  }

  /// Every argument of every method is refused outside its bounds, by name.
  func testArgumentsOutsideTheirBoundsAreNamed() throws {
    for type in RateCatalogue.machines {
      for argument in type.card.arguments {
        var given = ["rate": 0.1, "meta_lr": 0.1].filter { key, _ in
          type.card.arguments.contains { $0.name == key }
        }
        given[argument.name] = .nan
        XCTAssertThrowsError(try type.card.read(Attributes(type.card.title, numbers: given))) { error in
          XCTAssertTrue("\(error)".contains(argument.name), "\(error)")
          XCTAssertTrue("\(error)".contains("nan"), "\(error)")
        }
      }
    }
  }
}
