import Vocabulary
import XCTest

@testable import Adaptation

/// Every rate machine, over gradient descent on f = c (x^2 + 4 y^2 + 10 z^2) / 2.
final class MachineTests: XCTestCase {
  /// Whole methods have passes of their own: WholeMachineTests.
  private let machines = RateCatalogue.machines.filter { !($0 is any WholeMachine.Type) }

  private struct Run {
    let h: [Double]
    var x = [1.0, -2.0, 0.5]
    let start = [1.0, -2.0, 0.5]
    var before: (g: [Double], rate: Double)?
    var rates: [Double] = []

    init(scale: Double = 1) { h = [1.0, 4, 10].map { scale * $0 } }

    func loss(_ x: [Double]) -> Double { 0.5 * dot(gradient(x), x) }
    func gradient(_ x: [Double]) -> [Double] { zip(h, x).map(*) }
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    func minus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(-) }
    func moved(by rate: Double, along d: [Double]) -> [Double] { zip(x, d).map { $0 - rate * $1 } }

    var view: StepView {
      let g = gradient(x)
      var view = StepView(loss: loss(x))
      view.slope = dot(g, g)
      (view.smoothedSlope, view.gradientNorm2, view.stepsPerEpoch) = (view.slope, view.slope, 20)
      view.window = StepView.Window(previousDot: before.map { dot($0.g, g) } ?? 0, norm2: view.slope)
      let way = minus(start, x)
      (view.travelled2, view.startDot, view.start2) = (dot(way, way), dot(g, way), dot(start, start))
      if let before {
        var p = StepView.Previous()
        let change = minus(g, before.g)
        (p.decayedDirectionDot, p.decayedGradientNorm2) = (dot(g, before.g), view.slope)
        (p.directionNorm2, p.rate) = (dot(before.g, before.g), before.rate)
        (p.changeDot, p.changeNorm2) = (dot(change, before.g), dot(change, change))
        view.previous = p
      }
      return view
    }

    /// One step; every question of the machine is answered.
    mutating func step(_ machine: inout any RateMachine) {
      let g = gradient(x)
      var view = view
      var rate = 0.0
      asking: for question in 0... {
        precondition(question < 1000, "the machine asks for ever")
        switch machine.decide(view) {
        case .take(let taken):
          rate = taken
          break asking
        case .stay, .putBack: break asking
        case .measureCurvature: view.curvature = dot(gradient(g), g)
        case .probe(let length), .probeGradient(let length):
          let there = moved(by: length, along: g)
          view.probe = StepView.Probe(length: length, loss: loss(there), slope: dot(gradient(there), g))
        }
      }
      x = moved(by: rate, along: g)
      before = (g, rate)
      rates.append(rate)
    }
  }

  private func make(
    _ type: any RateMachine.Type, _ arguments: [String: Double] = [:], _ limits: RateLimits? = nil
  ) throws -> any RateMachine {
    let known = ["rate": 0.05, "meta_lr": 1e-4]
    var given = arguments
    for argument in type.card.arguments where argument.default == nil && given[argument.name] == nil {
      given[argument.name] = known[argument.name] ?? 1
    }
    // has no rate before a search otherwise
    if type == PeriodicALRS.self { given["initial"] = given["initial"] ?? 0.05 }
    // a run as long as any here, without a search, of which there are tests of its own
    if type == Auto.self { given.merge(["steps": 40, "search": 0, "prior": 0.05]) { first, _ in first } }
    return try type.init(
      type.card.read(Attributes(type.card.title, numbers: given)), limits: limits ?? RateLimits())
  }

  private func make(_ name: String, _ arguments: [String: Double] = [:]) throws -> any RateMachine {
    try make(RateCatalogue.find(name), arguments)
  }

  func testEveryMachineDescends() throws {
    for type in machines {
      // DoG and DoWG begin with a small part of the way; TLR grows beyond what is stable on a quadratic.
      let arguments = ["dog", "dowg"].contains(type.card.name) ? ["initial": 0.01] : [:]
      var machine = try make(type, arguments, RateLimits(low: 0, high: 0.15))
      var run = Run()
      for _ in 0..<40 { run.step(&machine) }
      XCTAssertLessThan(run.loss(run.x), 0.5 * run.loss(run.start), type.card.name)
      XCTAssertTrue(run.rates.allSatisfy(\.isFinite), type.card.name)
    }
  }

  /// A machine restored from the state of another goes on as it does, from any step.
  func testStateIsEverything() throws {
    for type in machines {
      for stop in [0, 1, 5] {
        var (machine, run) = (try make(type), Run())
        for _ in 0..<stop { run.step(&machine) }
        var (other, resumed) = (try make(type), run)
        other.restore(Dictionary(uniqueKeysWithValues: machine.state.map { ($0.name, $0.value) }))
        for _ in 0..<6 {
          run.step(&machine)
          resumed.step(&other)
        }
        XCTAssertEqual(run.rates, resumed.rates, "\(type.card.name) from step \(stop)")
        XCTAssertEqual(machine.state.map(\.value.bitPattern), other.state.map(\.value.bitPattern))
      }
    }
  }

  func testEveryMachineKeepsItsLimits() throws {
    for type in machines {
      var machine = try make(type, [:], RateLimits(low: 0.002, high: 0.003))
      var run = Run()
      for _ in 0..<10 { run.step(&machine) }
      XCTAssertTrue(run.rates.allSatisfy { $0 >= 0.002 && $0 <= 0.003 }, "\(type.card.name): \(run.rates)")
    }
  }

  /// c f has the gradient c g, and the same step comes from the c-th part of the rate.
  func testLossScaling() throws {
    let claims: [(String, [String: Double])] = [
      ("l4", ["epsilon": 0]), ("qlabgrad", ["find_trial": 0, "trial": 0.1]), ("newton", [:]),
    ]
    for (name, arguments) in claims {
      for scale in [0.01, 7.0] {
        var (machine, run) = (try make(name, arguments), Run())
        var scaled = arguments
        if let trial = arguments["trial"] { scaled["trial"] = trial / scale }
        var (other, larger) = (try make(name, scaled), Run(scale: scale))
        for _ in 0..<10 {
          run.step(&machine)
          larger.step(&other)
          for (a, b) in zip(run.x, larger.x) { XCTAssertEqual(a, b, accuracy: 1e-9, name) }
        }
      }
    }
  }

  func testNTLRAgainstItsFormula() throws {
    var (machine, run) = (try make("ntlr", ["gamma": 0.3, "window_steps": 1]), Run())
    var (rate, older) = (0.01, [Double]?.none)
    for _ in 0..<12 {
      let g = run.gradient(run.x)
      if let older {
        let (x, y) = (run.dot(older, g), run.dot(older, older))
        let factor = 1 + 0.3 * x / (y - x + 1e-10)
        if factor > 0 { rate *= factor }
      }
      older = g
      run.step(&machine)
      XCTAssertEqual(run.rates.last!, rate, accuracy: 1e-12)
    }
  }

  func testNaiveTLRAgainstItsFormula() throws {
    var (machine, run) = (try make("naive_tlr", ["meta_lr": 1e-3, "initial": 0.02]), Run())
    var rate = 0.02
    for _ in 0..<8 {
      let g = run.gradient(run.x)
      rate += 1e-3 * run.dot(run.gradient(run.moved(by: rate, along: g)), g)
      run.step(&machine)
      XCTAssertEqual(run.rates.last!, rate, accuracy: 1e-13)
    }
  }

  /// On a parabola the curvature along the direction is all there is to know.
  func testExactLineSearches() throws {
    for (name, arguments) in [("newton", [:]), ("qlabgrad", ["find_trial": 0.0]), ("lqa", [:])] {
      var (machine, run) = (try make(name, arguments), Run())
      for _ in 0..<6 {
        let g = run.gradient(run.x)
        let wanted = run.dot(g, g) / run.dot(run.gradient(g), g)
        run.step(&machine)
        XCTAssertEqual(run.rates.last!, wanted, accuracy: 1e-9, name)
      }
    }
  }

  func testDistancesOverGradientsAgainstTheirFormulas() throws {
    for weighted in [false, true] {
      var (machine, run) = (try make(weighted ? "dowg" : "dog", ["initial": 0.02]), Run())
      let start = run.dot(run.start, run.start).squareRoot()
      var (distance, sum) = (weighted ? 0.02 : 0.02 * (1 + start), 0.0)
      for _ in 0..<10 {
        let (way, g) = (run.minus(run.x, run.start), run.gradient(run.x))
        distance = max(distance, run.dot(way, way).squareRoot())
        sum += (weighted ? distance * distance : 1) * run.dot(g, g)
        let rate =
          weighted ? distance * distance / (sum.squareRoot() + 1e-4) : distance / (sum + 1e-8).squareRoot()
        run.step(&machine)
        XCTAssertEqual(run.rates.last!, rate, accuracy: 1e-13)
      }
    }
  }

  /// The smooth mode doubles at most once per epoch of 20 steps, from 1.
  func testSPSAgainstItsFormula() throws {
    for mode in ["max", "smooth"] {
      let given = Attributes("SPS", ["mode": .text(mode), "c": .numbers([0.7])])
      var machine: any RateMachine = try SPS(SPS.card.read(given), limits: RateLimits())
      var run = Run()
      var rate = 1.0
      for _ in 0..<10 {
        let g = run.gradient(run.x)
        let polyak = run.loss(run.x) / (0.7 * run.dot(g, g) + 1e-8)
        rate = mode == "max" ? polyak : min(rate * 1.0352649238413776, polyak)
        run.step(&machine)
        XCTAssertEqual(run.rates.last!, rate, accuracy: 1e-12)
      }
    }
  }

  /// Armijo's condition holds at the rate taken, and failed at the trial before it.
  func testSLSMeetsArmijosCondition() throws {
    let given = Attributes("SLS", ["c": .numbers([0.3]), "beta": .numbers([0.8]), "reset": .text("initial")])
    var machine: any RateMachine = try SLS(SLS.card.read(given), limits: RateLimits())
    var run = Run()
    for _ in 0..<10 {
      let (x, g) = (run.x, run.gradient(run.x))
      func holds(_ rate: Double) -> Bool {
        run.loss(zip(x, g).map { $0 - rate * $1 }) <= run.loss(x) - 0.3 * rate * run.dot(g, g)
      }
      var next = run
      next.step(&machine)
      let rate = next.rates.last!
      XCTAssertTrue(holds(rate), "\(rate)")
      if rate < 1 { XCTAssertFalse(holds(rate / 0.8), "\(rate)") }
      run = next
    }
  }

  func testL4StaysWhereTheDirectionIsNotOneOfDescent() throws {
    var machine = try make("l4")
    for slope in [0, -1, Double.nan] {
      var view = StepView(loss: 1)
      view.smoothedSlope = slope
      XCTAssertEqual(machine.decide(view), .stay)
    }
    XCTAssertNoThrow(try machine.check(loss: 0))
    XCTAssertThrowsError(try machine.check(loss: -1)) { XCTAssertTrue("\($0)".contains("lower_bound=0.0")) }
    XCTAssertNoThrow(try make("l4", ["lower_bound": -2]).check(loss: -1))
  }

  /// A trial that is not finite is halved until it is; where none ever is, there is no step.
  func testQLABGradHalvesATrialThatIsNotFinite() throws {
    var machine = try make("qlabgrad", ["find_trial": 0, "trial": 0.8])
    var view = StepView(loss: 1)
    view.slope = 2
    XCTAssertEqual(machine.decide(view), .probe(at: 0.8))
    view.probe = StepView.Probe(length: 0.8, loss: .nan)
    XCTAssertEqual(machine.decide(view), .probe(at: 0.4))
    view.probe = StepView.Probe(length: 0.4, loss: .infinity)
    XCTAssertEqual(machine.decide(view), .probe(at: 0.2))
    // (1 - 2 a + a^2 k / 2) at a = 0.2 with k = 5: the minimum is at 2 / 5.
    view.probe = StepView.Probe(length: 0.2, loss: 1 - 0.4 + 0.02 * 5)
    guard case .take(let rate) = machine.decide(view) else { return XCTFail("no rate") }
    XCTAssertEqual(rate, 0.4, accuracy: 1e-12)
    var hopeless = try make("qlabgrad", ["find_trial": 0])
    view.probe = nil
    var decision = hopeless.decide(view)
    for _ in 0..<1000 {
      guard case .probe(let length) = decision else { break }
      view.probe = StepView.Probe(length: length, loss: .nan)
      decision = hopeless.decide(view)
    }
    XCTAssertEqual(decision, .stay)
  }

  func testLimits() throws {
    let limits = try RateLimits(low: -1, high: 2)
    XCTAssertEqual([-3, 0.5, 7].map(limits.clamp), [-1, 0.5, 2])
    for (low, high) in [(2.0, 1.0), (.nan, 1), (0, .nan)] {
      XCTAssertThrowsError(try RateLimits(low: low, high: high)) { error in
        XCTAssertTrue("\(error)".contains("min_lr") && "\(error)".contains("max_lr"), "\(error)")
      }
    }
  }

  func testTheCatalogue() throws {
    let names = RateCatalogue.machines.map { $0.card.name }
    XCTAssertEqual(Set(names).count, names.count)
    for type in machines {
      XCTAssertTrue(try RateCatalogue.find(type.card.name) == type)
      let names = try make(type).state.map(\.name)
      XCTAssertEqual(Set(names).count, names.count)
    }
    XCTAssertThrowsError(try RateCatalogue.find("guess")) { error in
      for name in names + ["'guess'"] { XCTAssertTrue("\(error)".contains(name), "\(error)") }
    }
  }
}
