import CLRSwift
import XCTest

/// Whole conversations, as a caller in C has them.
final class TrainingABITests: XCTestCase {
  override func tearDown() { lrs_record_abort() }

  private func number(_ optimizer: Handle, _ key: String) -> Double {
    var value = Double.nan
    expectOK(lrs_optimizer_get(&value, optimizer, key))
    return value
  }

  func testTrainingByProgram() {
    for (rate, arguments, share) in [
      ("constant", ["rate": [0.1]], 0.05), ("qlabgrad", [:], 0.05), ("l4", [:], 0.8),
    ] {
      let w = makeTensor([], [0], requiresGrad: true)
      let program = Line.program(w, batch: 4)
      let optimizer = makeOptimizer("sgd", [:], rate, arguments)
      expectOK(addGroup(optimizer, [w], ["w"]))
      let steps = 30
      let indices = (0..<(4 * steps)).map { Int64($0 * 3 % 8) }
      var done = 0
      var losses = [Double](repeating: -1, count: steps)
      var rates = [Double](repeating: -1, count: 3 * steps)
      let data = Line.data
      expectOK(
        lrs_program_run(&done, &losses, &rates, program, optimizer, data, 2, indices, steps, 4, 60))
      XCTAssertEqual(done, steps)
      XCTAssertLessThan(losses.last!, share * losses[0], rate)
      XCTAssertTrue(rates.allSatisfy { $0 >= 0 })
      XCTAssertEqual(number(optimizer, "step"), Double(steps))
      var last = [Double.nan]
      expectOK(lrs_optimizer_rates(&last, 1, optimizer))
      XCTAssertEqual(last[0], rates[3 * steps - 3])
      expect(LRS_VALUE_ERROR, "1 parameters", "room was given for 2") {
        lrs_optimizer_rates(&last, 2, optimizer)
      }
      // A program outlives what it was recorded from, and evaluates without an optimizer.
      let before = values(w)
      expectOK(lrs_program_run(&done, &losses, &rates, program, nil, data, 2, indices, 1, 4, 60))
      XCTAssertEqual(values(w), before)
      expect(LRS_VALUE_ERROR, "takes 2 arrays, got 1") {
        lrs_program_run(&done, &losses, &rates, program, nil, data, 1, indices, 1, 4, 60)
      }
      expect(LRS_SHAPE_ERROR, "(4,)") {
        lrs_program_run(&done, &losses, &rates, program, nil, data, 2, indices, 1, 3, 60)
      }
      lrs_optimizer_destroy(optimizer)
      lrs_program_destroy(program)
    }
  }

  /// One step on f = (w - 3)^2, by hand.
  private func step(_ optimizer: Handle, _ w: Handle) -> lrs_request {
    func evaluate() -> Double {
      expectOK(lrs_optimizer_zero_grad(optimizer))
      let loss = applied("sum", [applied("square", [applied("affine", [w], ["shift": [-3]])])])
      expectOK(lrs_backward(loss, nil))
      return values(loss)[0]
    }
    var request = lrs_request()
    expectOK(lrs_optimizer_begin(&request, optimizer, evaluate(), true))
    while request.kind != 0 { expectOK(lrs_optimizer_answer(&request, optimizer, evaluate())) }
    return request
  }

  func testStepsByHand() {
    let w = makeTensor([1], [0], requiresGrad: true)
    let optimizer = makeOptimizer("sgd", [:], "qlabgrad", ["trial": [0.1], "find_trial": [0]])
    expectOK(addGroup(optimizer, [w], ["w"]))
    // On a parabola QLABGrad's rate is exact: 1 / f''.
    XCTAssertEqual(step(optimizer, w).rate, 0.5, accuracy: 1e-12)
    XCTAssertEqual(values(w)[0], 3, accuracy: 1e-12)
    var request = lrs_request()
    expect(LRS_VALUE_ERROR, "no step is in progress") { lrs_optimizer_answer(&request, optimizer, 1) }
    expectOK(lrs_optimizer_zero_grad(optimizer))
    expect(LRS_VALUE_ERROR, "loss.backward()") { lrs_optimizer_begin(&request, optimizer, 1, true) }
  }

  func testAbortPutsTheParametersBack() {
    let w = makeTensor([1], [0.1], requiresGrad: true)
    let optimizer = makeOptimizer("adam", [:], "qlabgrad", [:])
    expectOK(addGroup(optimizer, [w], ["w"]))
    expectOK(lrs_tensor_set_grad(w, makeTensor([1], [1])))
    var request = lrs_request()
    expectOK(lrs_optimizer_begin(&request, optimizer, 4, true))
    XCTAssertEqual(request.kind, 1)
    XCTAssertNotEqual(values(w), [0.1])
    lrs_optimizer_abort(optimizer)
    XCTAssertEqual(values(w), [0.1])
    XCTAssertEqual(number(optimizer, "step"), 0)
  }

  func testDivergence() {
    let w = makeTensor([1], [1], requiresGrad: true)
    let optimizer = makeOptimizer("sgd")
    expectOK(addGroup(optimizer, [w], ["w"]))
    expectOK(lrs_tensor_set_grad(w, makeTensor([1], [1])))
    expectOK(lrs_optimizer_set(optimizer, "max_skipped", 3))
    var request = lrs_request()
    for _ in 0..<2 {
      expectOK(lrs_optimizer_begin(&request, optimizer, .nan, true))
      XCTAssertTrue(request.skipped)
    }
    expect(LRS_DIVERGED, "3 steps in a row") { lrs_optimizer_begin(&request, optimizer, .nan, true) }
    XCTAssertEqual(values(w), [1])
    XCTAssertEqual(number(optimizer, "skipped_steps"), 3)
    expect(LRS_VALUE_ERROR, "'colour'") { lrs_optimizer_set(optimizer, "colour", 1) }
  }

  private func state(_ optimizer: Handle) -> [(name: String, value: Handle)] {
    var entries: [(String, Handle)] = []
    while true {
      var (out, name): (Handle?, UnsafePointer<CChar>?)
      expectOK(lrs_optimizer_state(&out, &name, optimizer, entries.count))
      guard let name else {
        XCTAssertNil(out)
        return entries
      }
      entries.append((String(cString: name), out!))
    }
  }

  private func load(_ optimizer: Handle, _ entries: [(name: String, value: Handle)]) -> lrs_status {
    let names = entries.map { UnsafePointer<CChar>(strdup($0.name)) }
    defer { for name in names { free(UnsafeMutablePointer(mutating: name)) } }
    return lrs_optimizer_load(optimizer, names, entries.map(\.value), entries.count)
  }

  func testStateGoesRound() {
    let (w, v) = (makeTensor([1], [0], requiresGrad: true), makeTensor([1], [0], requiresGrad: true))
    let (a, b) = (makeOptimizer("adam", [:], "l4", [:]), makeOptimizer("adam", [:], "l4", [:]))
    expectOK(addGroup(a, [w], ["w"]))
    expectOK(addGroup(b, [v], ["w"]))
    for _ in 0..<3 { _ = step(a, w) }
    let entries = state(a)
    XCTAssertEqual(
      entries.map(\.name),
      ["step", "skipped_steps", "rate.0.lowest_loss", "w.step", "w.lr", "w.average", "w.square_average"])
    expectOK(load(b, entries))
    expectOK(lrs_tensor_assign(v, w))
    for _ in 0..<3 { XCTAssertEqual(step(a, w).rate, step(b, v).rate) }
    XCTAssertEqual(values(w), values(v))
    expect(LRS_VALUE_ERROR, "'step' is missing") { load(b, Array(entries.dropFirst())) }
  }
}
