import CLRSwift
import Foundation
import Vocabulary
import XCTest

/// Every function, called wrongly: a status and a message, never a trap.
final class SeamTests: XCTestCase {
  private let tensor = makeTensor([2], [1, 2], requiresGrad: true)
  private let optimizer = makeOptimizer("sgd")
  private let search = makeSearch()

  override func tearDown() {
    lrs_tensor_destroy(tensor)
    lrs_optimizer_destroy(optimizer)
    lrs_search_destroy(search)
  }

  /// Calls with NULL where something must be.
  private func nullCalls(_ program: Handle, _ finder: Handle) -> [(String, () -> lrs_status)] {
    let (t, o, s) = (tensor, optimizer, search)
    let f64 = lrs_dtype(LRS_FLOAT64)
    var out: Handle?
    var (request, verdict) = (lrs_request(), lrs_verdict())
    var description = lrs_description()
    var place: Int32 = 0
    var (done, number, second, name) = (0, 0.0, 0.0, UnsafePointer<CChar>?.none)
    var data: UnsafeMutableRawPointer?
    let none: [Handle?] = [nil]
    let one: [Handle?] = [tensor]
    var outs: [Handle?] = [nil]
    return [
      ("catalogue", { lrs_catalogue(nil, "rates") }), ("catalogue", { lrs_catalogue(&name, nil) }),
      ("create", { lrs_tensor_create(nil, f64, 0, nil, nil, false) }),
      ("create", { lrs_tensor_create(&out, f64, 2, nil, nil, false) }),
      ("describe", { lrs_tensor_describe(nil, t) }), ("describe", { lrs_tensor_describe(&description, nil) }),
      ("data", { lrs_tensor_data(nil, t) }), ("data", { lrs_tensor_data(&data, nil) }),
      ("detach", { lrs_tensor_detach(nil, t) }), ("detach", { lrs_tensor_detach(&out, nil) }),
      ("assign", { lrs_tensor_assign(nil, t) }), ("assign", { lrs_tensor_assign(t, nil) }),
      ("set_requires_grad", { lrs_tensor_set_requires_grad(nil, true) }),
      ("get_grad", { lrs_tensor_get_grad(nil, t) }), ("get_grad", { lrs_tensor_get_grad(&out, nil) }),
      ("set_grad", { lrs_tensor_set_grad(nil, nil) }),
      ("apply", { lrs_apply(nil, "exp", one, 1, nil, 0) }),
      ("apply", { lrs_apply(&out, nil, one, 1, nil, 0) }),
      ("apply", { lrs_apply(&out, "exp", nil, 1, nil, 0) }),
      ("apply", { lrs_apply(&out, "exp", none, 1, nil, 0) }),
      ("apply", { lrs_apply(&out, "exp", one, 1, nil, 1) }),
      ("operation_number", { lrs_operation_number(nil, "exp") }),
      ("operation_number", { lrs_operation_number(&place, nil) }),
      ("apply_number", { lrs_apply_number(nil, 0, one, 1, nil, 0) }),
      ("apply_number", { lrs_apply_number(&out, 0, nil, 1, nil, 0) }),
      ("apply_number", { lrs_apply_number(&out, 0, none, 1, nil, 0) }),
      ("backward", { lrs_backward(nil, nil) }),
      ("gradients", { lrs_gradients(nil, t, nil, one, 1) }),
      ("gradients", { lrs_gradients(&outs, nil, nil, one, 1) }),
      ("gradients", { lrs_gradients(&outs, t, t, nil, 1) }),
      ("jvp", { lrs_jvp(nil, t, one, one, 1) }), ("jvp", { lrs_jvp(&out, nil, one, one, 1) }),
      ("jvp", { lrs_jvp(&out, t, nil, one, 1) }), ("jvp", { lrs_jvp(&out, t, one, none, 1) }),
      ("hvp", { lrs_hvp(nil, t, one, one, 1) }), ("hvp", { lrs_hvp(&outs, t, one, nil, 1) }),
      ("record_begin", { lrs_record_begin(nil, 1) }), ("record_begin", { lrs_record_begin(none, 1) }),
      ("record_end", { lrs_record_end(nil, nil, 0) }), ("record_end", { lrs_record_end(&out, none, 1) }),
      ("run", { lrs_program_run(nil, &number, &second, program, nil, nil, 0, [0], 0, 0, 1) }),
      ("run", { lrs_program_run(&done, nil, &number, program, nil, nil, 0, [0], 0, 0, 1) }),
      ("run", { lrs_program_run(&done, &number, nil, program, nil, nil, 0, [0], 0, 0, 1) }),
      ("run", { lrs_program_run(&done, &number, &second, nil, nil, nil, 0, [0], 0, 0, 1) }),
      ("run", { lrs_program_run(&done, &number, &second, program, nil, nil, 1, [0], 0, 0, 1) }),
      ("run", { lrs_program_run(&done, &number, &second, program, nil, nil, 0, nil, 0, 0, 1) }),
      ("optimizer", { lrs_optimizer_create(nil, "sgd", nil, 0, "l4", nil, 0) }),
      ("optimizer", { lrs_optimizer_create(&out, nil, nil, 0, "l4", nil, 0) }),
      ("optimizer", { lrs_optimizer_create(&out, "sgd", nil, 0, nil, nil, 0) }),
      ("optimizer", { lrs_optimizer_create(&out, "sgd", nil, 1, "l4", nil, 0) }),
      ("optimizer", { lrs_optimizer_create(&out, "sgd", nil, 0, "l4", nil, 1) }),
      ("add_group", { lrs_optimizer_add_group(nil, nil, nil, 0, nil, 0) }),
      ("add_group", { lrs_optimizer_add_group(o, nil, nil, 1, nil, 0) }),
      ("add_group", { lrs_optimizer_add_group(o, one, nil, 1, nil, 0) }),
      ("add_group", { lrs_optimizer_add_group(o, one, [nil], 1, nil, 0) }),
      ("add_group", { lrs_optimizer_add_group(o, nil, nil, 0, nil, 0) }),
      ("begin", { lrs_optimizer_begin(nil, o, 1, true) }),
      ("begin", { lrs_optimizer_begin(&request, nil, 1, true) }),
      ("answer", { lrs_optimizer_answer(nil, o, 1) }), ("answer", { lrs_optimizer_answer(&request, nil, 1) }),
      ("answer_curvature", { lrs_optimizer_answer_curvature(nil, o, t) }),
      ("answer_curvature", { lrs_optimizer_answer_curvature(&request, nil, t) }),
      ("answer_curvature", { lrs_optimizer_answer_curvature(&request, o, nil) }),
      ("zero_grad", { lrs_optimizer_zero_grad(nil) }), ("rates", { lrs_optimizer_rates(nil, 0, nil) }),
      ("get", { lrs_optimizer_get(nil, o, "step") }), ("get", { lrs_optimizer_get(&number, nil, "step") }),
      ("get", { lrs_optimizer_get(&number, o, nil) }), ("set", { lrs_optimizer_set(nil, "max_skipped", 1) }),
      ("set", { lrs_optimizer_set(o, nil, 1) }), ("state", { lrs_optimizer_state(nil, &name, o, 0) }),
      ("state", { lrs_optimizer_state(&out, nil, o, 0) }),
      ("state", { lrs_optimizer_state(&out, &name, nil, 0) }),
      ("load", { lrs_optimizer_load(nil, nil, nil, 0) }), ("load", { lrs_optimizer_load(o, nil, one, 1) }),
      ("load", { lrs_optimizer_load(o, [nil], one, 1) }), ("load", { lrs_optimizer_load(o, nil, nil, 1) }),
      ("search", { lrs_search_create(nil, nil, 0) }), ("search", { lrs_search_create(&out, nil, 1) }),
      ("signal", { lrs_search_signal(nil, 1) }), ("search_get", { lrs_search_get(nil, s, "value") }),
      ("search_get", { lrs_search_get(&number, nil, "value") }),
      ("search_get", { lrs_search_get(&number, s, nil) }),
      ("alrs", { lrs_alrs_create(nil, s, nil, 0) }), ("alrs", { lrs_alrs_create(&out, nil, nil, 0) }),
      ("alrs", { lrs_alrs_create(&out, s, nil, 1) }), ("alrs_observe", { lrs_alrs_observe(nil, nil, 1, 1) }),
      ("alrs_observe", { lrs_alrs_observe(&verdict, nil, 1, 1) }),
      ("finder", { lrs_finder_create(nil, o, s, nil, 0) }),
      ("finder", { lrs_finder_create(&out, nil, s, nil, 0) }),
      ("finder", { lrs_finder_create(&out, o, nil, nil, 0) }),
      ("finder", { lrs_finder_create(&out, o, s, nil, 1) }), ("displace", { lrs_finder_displace(nil) }),
      ("observe", { lrs_finder_observe(nil, finder, 1) }),
      ("observe", { lrs_finder_observe(&number, nil, 1) }),
      ("finder_run", { lrs_finder_run(nil, &number, &second, finder, program, nil, 0, [0], 0, 0, 1) }),
      ("finder_run", { lrs_finder_run(&done, nil, &number, finder, program, nil, 0, [0], 0, 0, 1) }),
      ("finder_run", { lrs_finder_run(&done, &number, nil, finder, program, nil, 0, [0], 0, 0, 1) }),
      ("finder_run", { lrs_finder_run(&done, &number, &second, nil, program, nil, 0, [0], 0, 0, 1) }),
      ("finder_run", { lrs_finder_run(&done, &number, &second, finder, nil, nil, 0, [0], 0, 0, 1) }),
      ("finder_run", { lrs_finder_run(&done, &number, &second, finder, program, nil, 0, nil, 0, 0, 1) }),
    ]
  }

  func testNULLIsAnErrorEverywhere() {
    let parameter = makeTensor([2], [1, 2], requiresGrad: true)
    expectOK(addGroup(optimizer, [parameter], ["w"]))
    var finder: Handle?
    expectOK(withAttributes(["window": [3]]) { lrs_finder_create(&finder, optimizer, search, $0, $1) })
    expectOK(lrs_record_begin(nil, 0))
    let loss = applied("sum", [parameter])
    var program: Handle?
    expectOK(lrs_record_end(&program, [loss], 1))
    for (i, (name, call)) in nullCalls(program!, finder!).enumerated() {
      _ = lrs_search_signal(search, 7)
      let before = lastError
      XCTAssertNotEqual(call(), ok, "\(name), call \(i)")
      XCTAssertNotEqual(lastError, before, "\(name), call \(i), left no message")
    }
    lrs_finder_destroy(finder)
    lrs_program_destroy(program)
    for handle in [loss, parameter] { lrs_tensor_destroy(handle) }
  }

  func testDestructorsAcceptNULL() {
    for _ in 0..<2 {
      lrs_tensor_destroy(nil)
      lrs_program_destroy(nil)
      lrs_optimizer_destroy(nil)
      lrs_search_destroy(nil)
      lrs_alrs_destroy(nil)
      lrs_finder_destroy(nil)
      lrs_optimizer_abort(nil)
      lrs_record_abort()
      lrs_random_get(nil, nil)
    }
  }

  func testAMessageStaysUntilTheNextFailure() {
    expect(LRS_VALUE_ERROR, "NULL") { lrs_backward(nil, nil) }
    let before = lastError
    _ = describe(tensor)
    XCTAssertEqual(lastError, before)
  }

  /// A run whose third loss is not finite, and another that failed without a step.
  func testAFailureNamesItsStep() {
    let w = makeTensor([1], [1], requiresGrad: true)
    expectOK(addGroup(optimizer, [w], ["w"]))
    expectOK(lrs_optimizer_set(optimizer, "max_skipped", 1))
    var request = lrs_request()
    func step(_ loss: Double) -> lrs_status {
      _ = lrs_tensor_set_grad(w, makeTensor([1], [0.5]))
      return lrs_optimizer_begin(&request, optimizer, loss, false)
    }
    expectOK(step(1))
    expectOK(step(1))
    expect(LRS_DIVERGED, "not finite") { step(.nan) }
    XCTAssertEqual(lrs_last_step(), 2)
    let other = expectation(description: "another thread has had no failure")
    Thread {
      XCTAssertEqual(lrs_last_step(), -1)
      other.fulfill()
    }.start()
    wait(for: [other], timeout: 30)
    expect(LRS_VALUE_ERROR, "NULL") { lrs_backward(nil, nil) }
    XCTAssertEqual(lrs_last_step(), -1)
    lrs_tensor_destroy(w)
  }

  func testMessagesBelongToTheirThread() {
    expect(LRS_VALUE_ERROR, "-3") { lrs_set_threads(-3) }
    let done = expectation(description: "threads")
    done.expectedFulfillmentCount = 4
    for thread in 0..<4 {
      Thread {
        XCTAssertEqual(lastError, "")
        for i in 0..<200 {
          XCTAssertNotEqual(lrs_set_threads(Int32(-1 - 10 * i - thread)), ok)
          XCTAssertTrue(lastError.hasSuffix("got \(-1 - 10 * i - thread)"), lastError)
        }
        done.fulfill()
      }.start()
    }
    wait(for: [done], timeout: 30)
    XCTAssertTrue(lastError.contains("-3"))
  }

  func testAttributesAreReadAsTheyAre() {
    var out: Handle?
    let values = UnsafeMutablePointer<Double>.allocate(capacity: 2)
    (values[0], values[1]) = (2, 3)
    defer { values.deallocate() }
    func call(_ attribute: lrs_attribute) -> lrs_status {
      lrs_apply(&out, "power", [tensor], 1, [attribute], 1)
    }
    "exponent".withCString { key in
      expect(LRS_VALUE_ERROR, "the key of attribute 0") {
        call(lrs_attribute(key: nil, values: values, count: 1, text: nil))
      }
      expect(LRS_VALUE_ERROR, "'exponent' has neither") {
        call(lrs_attribute(key: key, values: nil, count: 1, text: nil))
      }
      expect(LRS_TYPE_ERROR, "exponent", "[]") {
        call(lrs_attribute(key: key, values: nil, count: 0, text: nil))
      }
      expect(LRS_TYPE_ERROR, "[2.0, 3.0]") {
        call(lrs_attribute(key: key, values: values, count: 2, text: nil))
      }
      expect(LRS_TYPE_ERROR, "'two'") {
        "two".withCString { call(lrs_attribute(key: key, values: nil, count: 0, text: $0)) }
      }
      expectOK(call(lrs_attribute(key: key, values: values, count: 1, text: nil)))
    }
    XCTAssertEqual(CInterfaceTests.values(out!), [1, 4])
    lrs_tensor_destroy(out)
  }
}
