import CLRSwift
import XCTest

final class FinderABITests: XCTestCase {
  override func tearDown() { lrs_record_abort() }

  func testSearchByHand() {
    let search = makeSearch(["start": [4]])
    func get(_ key: String) -> Double {
      var value = Double.nan
      expectOK(lrs_search_get(&value, search, key))
      return value
    }
    XCTAssertEqual([get("value"), get("lower"), get("upper"), get("done"), get("signals")], [4, 0, 8, 0, 0])
    for signal in [0, 2, -2, .max] as [Int32] {
      expect(LRS_VALUE_ERROR, "\(signal)") { lrs_search_signal(search, signal) }
    }
    while get("done") == 0 { expectOK(lrs_search_signal(search, get("value") < 0.3 ? 1 : -1)) }
    XCTAssertEqual(get("value"), 0.3, accuracy: 0.02)
    XCTAssertEqual(get("phase"), 2)
    expect(LRS_VALUE_ERROR, "done") { lrs_search_signal(search, 1) }
    var value = 0.0
    expect(LRS_VALUE_ERROR, "'colour'") { lrs_search_get(&value, search, "colour") }
    lrs_search_destroy(search)
  }

  func testFinding() {
    let w = makeTensor([], [0.25], requiresGrad: true)
    let program = Line.program(w, batch: 8)
    let (optimizer, search) = (makeOptimizer("sgd"), makeSearch())
    expectOK(addGroup(optimizer, [w], ["w"]))
    var finder: Handle?
    expectOK(withAttributes(["window": [5]]) { lrs_finder_create(&finder, optimizer, search, $0, $1) })
    expectOK(lrs_finder_displace(finder))
    expectOK(lrs_tensor_set_grad(w, makeTensor([], [1])))
    var gradient = 0.0
    expectOK(lrs_finder_observe(&gradient, finder, 1))
    XCTAssertTrue(gradient.isNaN)
    expectOK(lrs_finder_displace(finder))
    XCTAssertEqual(values(w)[0], 0.25 - 1, accuracy: 1e-15)
    let steps = 700
    var done = 0
    var gradients = [Double](repeating: 0, count: steps)
    var found = gradients
    let indices = (0..<(8 * steps)).map { Int64($0 % 8) }
    let data = Line.data
    expectOK(lrs_finder_run(&done, &gradients, &found, finder, program, data, 2, indices, steps, 8, 60))
    XCTAssertEqual(values(w), [0.25])
    var (value, finished) = (0.0, 0.0)
    expectOK(lrs_search_get(&value, search, "value"))
    expectOK(lrs_search_get(&finished, search, "done"))
    XCTAssertEqual(finished, 1, "the search that was given goes with the finder")
    let curvature = 2 * Line.x.reduce(0) { $0 + $1 * $1 } / 8
    XCTAssertEqual(value * curvature, 1, accuracy: 0.4)
    expectOK(lrs_finder_displace(finder))
    XCTAssertNotEqual(values(w), [0.25])
    lrs_finder_destroy(finder)
    XCTAssertEqual(values(w), [0.25], "a finder that goes puts the parameters back")
  }

  /// ALRS by hand on f = h w^2 / 2 finds what the finder finds there, verdict by verdict.
  func testALRSByHand() {
    let h = 4.0
    let (byHand, native) = (makeSearch(), makeSearch())
    let w = makeTensor([], [1], requiresGrad: true)
    let optimizer = makeOptimizer("sgd")
    expectOK(addGroup(optimizer, [w], ["w"]))
    var (alrs, finder): (Handle?, Handle?)
    withAttributes(["window": [3]]) {
      expectOK(lrs_alrs_create(&alrs, byHand, $0, $1))
      expectOK(lrs_finder_create(&finder, optimizer, native, $0, $1))
    }
    func get(_ search: Handle, _ key: String) -> Double {
      var value = Double.nan
      expectOK(lrs_search_get(&value, search, key))
      return value
    }
    var displacement = 0.0
    var (given, restarts) = (0.0, 0)
    while get(native, "done") == 0 {
      let gradient = h * (1 + displacement)
      let derivative = gradient * displacement
      displacement = -get(byHand, "value") * gradient
      var verdict = lrs_verdict()
      expectOK(lrs_alrs_observe(&verdict, alrs, derivative, .nan))
      if verdict.starts_anew { displacement = 0 }
      given += abs(Double(verdict.signal))
      restarts += verdict.starts_anew ? 1 : 0
      expectOK(lrs_finder_displace(finder))
      expectOK(lrs_tensor_set_grad(w, makeTensor([], [h * values(w)[0]])))
      var counted = 0.0
      expectOK(lrs_finder_observe(&counted, finder, 1))
      XCTAssertEqual(verdict.derivative.isNaN, counted.isNaN)
      if !counted.isNaN { XCTAssertEqual(verdict.derivative, counted, accuracy: 1e-12 * abs(counted)) }
      XCTAssertEqual(get(byHand, "value"), get(native, "value"), accuracy: 1e-12)
    }
    XCTAssertGreaterThan(restarts, 0)
    XCTAssertEqual(given, get(native, "signals"))
    XCTAssertEqual(get(byHand, "done"), 1)
    var verdict = lrs_verdict()
    expect(LRS_VALUE_ERROR, "done") { lrs_alrs_observe(&verdict, alrs, -1, 1) }
    lrs_alrs_destroy(alrs)
    lrs_finder_destroy(finder)
    lrs_optimizer_destroy(optimizer)
    for search in [byHand, native] { lrs_search_destroy(search) }
  }

  /// Plain descent on 2 w^2 by hand: the search says what is tried, which batch comes, and what was found.
  func testTrialsByHand() {
    let search = makeSearch(["start": [1e-3]])
    var alrs: Handle?
    expectOK(withAttributes([:], texts: ["rule": "trials"]) { lrs_alrs_create(&alrs, search, $0, $1) })
    func get(_ key: String) -> Double {
      var value = Double.nan
      expectOK(lrs_search_get(&value, search, key))
      return value
    }
    XCTAssertEqual([get("value"), get("position"), get("length"), get("done")], [0, 24, 32, 0])
    var (w, batches) = (1.0, 0)
    while get("done") == 0 {
      let loss = 2 * w * w
      let gradient = 4 * w
      let displacement = w - 1
      w -= get("value") * gradient
      var verdict = lrs_verdict()
      expectOK(lrs_alrs_observe(&verdict, alrs, gradient * displacement, loss))
      if verdict.starts_anew { w = 1 }
      batches += 1
    }
    XCTAssertLessThanOrEqual(batches, 200)
    XCTAssertEqual(get("reliable"), 1)
    XCTAssertGreaterThan(get("found"), 0.01 / 4)
    XCTAssertLessThan(get("found"), 1 / 4.0)
    lrs_alrs_destroy(alrs)
    lrs_search_destroy(search)
  }

  func testALRSTakesWhatItNames() {
    let search = makeSearch()
    var alrs: Handle?
    func create(_ numbers: [String: [Double]], _ texts: [String: String] = [:]) -> lrs_status {
      withAttributes(numbers, texts: texts) { lrs_alrs_create(&alrs, search, $0, $1) }
    }
    expect(LRS_VALUE_ERROR, "rule: got 'other'; allowed: signs") {
      create(["window": [1]], ["rule": "other"])
    }
    expect(LRS_VALUE_ERROR, "'window'") { create([:]) }
    expectOK(create(["window": [1]], ["rule": "signs"]))
    expect(LRS_VALUE_ERROR, "out") { lrs_alrs_observe(nil, alrs, 1, 1) }
    lrs_alrs_destroy(alrs)
    lrs_search_destroy(search)
  }
}
