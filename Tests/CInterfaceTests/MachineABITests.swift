import CLRSwift
import TestSupport
import XCTest

@testable import CInterface

final class MachineABITests: XCTestCase {
  private func make(_ rate: String, _ arguments: [String: [Double]] = [:]) -> Handle {
    var out: Handle?
    expectOK(withAttributes(arguments) { lrs_machine_create(&out, rate, $0, $1) })
    return out!
  }

  private func begin(_ machine: Handle, _ numbers: [String: [Double]]) -> (lrs_status, lrs_decision) {
    var decision = lrs_decision(kind: -1, value: -1)
    let status = withAttributes(numbers) { lrs_machine_begin(&decision, machine, $0, $1) }
    return (status, decision)
  }

  func testNULLIsAnError() {
    var out: Handle?
    XCTAssertNotEqual(lrs_machine_create(nil, "l4", nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_create(&out, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_clone(&out, nil), ok)
    XCTAssertNotEqual(lrs_machine_check(nil, 1), ok)
    XCTAssertNotEqual(lrs_machine_begin(nil, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_answer(nil, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_prepare(nil, nil, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_conclude(nil, nil, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_get(nil, nil, nil), ok)
    XCTAssertNotEqual(lrs_machine_factor(nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_set(nil, "finish", 1), ok)
    XCTAssertNotEqual(lrs_machine_guard(nil, 1, 10, 1), ok)
    XCTAssertNotEqual(lrs_machine_judge(nil, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_state(nil, nil, nil, 0), ok)
    XCTAssertNotEqual(lrs_machine_load(nil, nil, 0), ok)
    lrs_machine_abort(nil)
    lrs_machine_destroy(nil)
  }

  func testAStepAndItsClone() {
    let machine = make("qlabgrad", ["trial": [0.5], "find_trial": [0]])
    defer { lrs_machine_destroy(machine) }
    let (status, asked) = begin(machine, ["loss": [2], "slope": [3]])
    expectOK(status)
    XCTAssertEqual(asked.kind, 2)
    XCTAssertEqual(asked.value, 0.5)
    var clone: Handle?
    expectOK(lrs_machine_clone(&clone, machine))
    defer { lrs_machine_destroy(clone) }
    var decision = lrs_decision()
    expectOK(withAttributes(["loss": [1]]) { lrs_machine_answer(&decision, machine, $0, $1) })
    XCTAssertEqual(decision.kind, 0)
    XCTAssertEqual(decision.value, 0.75)
    expect(LRS_VALUE_ERROR, "no step") {
      withAttributes(["loss": [1]]) { lrs_machine_answer(&decision, clone, $0, $1) }
    }
  }

  func testAGuardBesideTheRate() {
    let machine = make("hd", ["initial": [0.5]])
    defer { lrs_machine_destroy(machine) }
    func judge(_ numbers: [String: [Double]]) -> Int32 {
      var out: Int32 = -1
      expectOK(withAttributes(numbers) { lrs_machine_judge(&out, machine, $0, $1) })
      return out
    }
    let first: [String: [Double]] = ["loss": [1], "step": [0], "skipped": [0]]
    XCTAssertEqual(judge(first), Int32(LRS_JUDGEMENT_GO))
    expect(LRS_VALUE_ERROR, "explode") { lrs_machine_guard(machine, Int32(LRS_GUARD_ROLL_BACK), 1, 1) }
    expect(LRS_VALUE_ERROR, "every") { lrs_machine_guard(machine, Int32(LRS_GUARD_ROLL_BACK), 10, 0) }
    expect(LRS_VALUE_ERROR, "mode") { lrs_machine_guard(machine, 7, 10, 1) }
    expectOK(lrs_machine_guard(machine, Int32(LRS_GUARD_ROLL_BACK), 10, 1))
    XCTAssertEqual(judge(first), Int32(LRS_JUDGEMENT_KEEP))
    expectOK(lrs_machine_set(machine, "undone", 0))
    XCTAssertEqual(
      judge(["loss": [50], "step": [1], "skipped": [0], "copied": [0]]), Int32(LRS_JUDGEMENT_UNDO))
    expectOK(lrs_machine_set(machine, "undone", 1))
    var value = 0.0
    expectOK(lrs_machine_get(&value, machine, "rate_scale"))
    XCTAssertEqual(value, 0.5)
    for name in ["step", "skipped", "copied"] {
      var numbers = first
      numbers[name] = [-1]
      expect(LRS_VALUE_ERROR, name) {
        withAttributes(numbers) { list, count in
          var out: Int32 = -1
          return lrs_machine_judge(&out, machine, list, count)
        }
      }
    }
    // its numbers travel with the state, and are checked
    var saved: [String: [Double]] = [:]
    var name: UnsafePointer<CChar>?
    for index in 0... {
      expectOK(lrs_machine_state(&value, &name, machine, index))
      guard let name else { break }
      saved[String(cString: name)] = [value]
    }
    XCTAssertEqual(saved["guard.2"], [0.5])
    let other = make("hd", ["initial": [0.5]])
    defer { lrs_machine_destroy(other) }
    var spoilt = saved
    spoilt["guard.2"] = [7]
    expect(LRS_VALUE_ERROR, "guard") { withAttributes(spoilt) { lrs_machine_load(other, $0, $1) } }
    expectOK(lrs_machine_get(&value, other, "guard"))
    XCTAssertEqual(value, 0)
    expectOK(withAttributes(saved) { lrs_machine_load(other, $0, $1) })
    expectOK(lrs_machine_get(&value, other, "rollbacks"))
    XCTAssertEqual(value, 1)
    expect(LRS_TYPE_ERROR, "no plan") { lrs_machine_set(machine, "finish", 5) }
    expect(LRS_VALUE_ERROR, "'nothing'") { lrs_machine_set(machine, "nothing", 5) }
  }

  func testStateAndFacts() {
    let machine = make("hd", ["initial": [0.5]])
    defer { lrs_machine_destroy(machine) }
    var value = 0.0
    var name: UnsafePointer<CChar>?
    expectOK(lrs_machine_state(&value, &name, machine, 0))
    XCTAssertEqual(String(cString: name!), "rate")
    XCTAssertEqual(value, 0.5)
    for index in [1, -1, .max, .min] {
      expectOK(lrs_machine_state(&value, &name, machine, index))
      XCTAssertNil(name)
    }
    expectOK(withAttributes(["rate": [0.25]]) { lrs_machine_load(machine, $0, $1) })
    XCTAssertEqual(begin(machine, ["loss": [1]]).1.value, 0.25)
    expectOK(lrs_machine_get(&value, machine, "uses_previous"))
    XCTAssertEqual(value, 1)
    expect(LRS_VALUE_ERROR, "window") { lrs_machine_get(&value, make("tlr"), "window") }
    expectOK(lrs_machine_factor(&value, machine, 10))
    XCTAssertEqual(value, 1)
    for step in [-1, 0.5, 1e30, .nan] {
      expect(LRS_VALUE_ERROR, "step") { lrs_machine_factor(&value, machine, step) }
    }
    expect(LRS_VALUE_ERROR, "at least lower_bound") { lrs_machine_check(make("l4"), -1) }
  }

  /// Every method, driven with numbers of every kind, in a child process: a trap would end it.
  func testNoNumberTraps() {
    let extremes = [0, -1, 1e-320, 1e308, -1e308, .infinity, -.infinity, .nan, 1]
    let rates = [
      "constant", "l4", "tlr", "qlabgrad", "lqa", "hd", "sps", "sls", "newton", "naive_tlr", "dog",
    ]
    let names = [
      "slope", "smoothed_slope", "window_dot", "window_norm2", "previous_dot", "start2", "precision",
    ]
    for rate in rates {
      let survived = holdsInChild {
        let machine = make(
          rate, rate == "constant" ? ["rate": [1]] : rate == "naive_tlr" ? ["meta_lr": [1]] : [:])
        for (i, a) in extremes.enumerated() {
          for b in extremes {
            var numbers = ["loss": [a]]
            for (j, name) in names.enumerated() { numbers[name] = [extremes[(i + j) % extremes.count]] }
            numbers["slope"] = [b]
            _ = begin(machine, numbers)
            for answer in [a, b, .nan, 1] {
              var decision = lrs_decision()
              for given in [["loss": [answer], "slope": [b]], ["curvature": [answer]]] {
                _ = withAttributes(given) { lrs_machine_answer(&decision, machine, $0, $1) }
              }
            }
            lrs_machine_abort(machine)
            for value in [a, b] {
              for key in ["rate", "trial", "length", "lowest_loss"] {
                _ = withAttributes([key: [value], "steps": [value]]) { lrs_machine_load(machine, $0, $1) }
                _ = withAttributes([key: [value]]) { lrs_machine_load(machine, $0, $1) }
              }
            }
          }
        }
        return true
      }
      XCTAssertTrue(survived, rate)
    }
  }
}
