import CLRSwift
import TestSupport
import XCTest

/// Numbers that once trapped, or might: each is tried in a child process, and must come back with a status.
final class TrapTests: XCTestCase {
  private func expectSurvival(_ label: String, line: UInt = #line, _ call: @escaping () -> lrs_status) {
    XCTAssertTrue(holdsInChild { call() != ok }, "\(label): trapped, or was accepted", line: line)
  }

  private func apply(_ name: String, _ shape: [Int64], _ attributes: [String: [Double]]) -> lrs_status {
    var out: Handle?
    return applyStatus(&out, name, [makeTensor(shape)], attributes)
  }

  func testTensorsThatDoNotFit() {
    var out: Handle?
    let double = lrs_dtype(LRS_FLOAT64)
    expectSurvival("a terabyte") { lrs_tensor_create(&out, double, 1, [1 << 37], nil, false) }
    expectSurvival("overflow") { lrs_tensor_create(&out, double, 3, [1 << 40, 1 << 40, 8], nil, false) }
    expectSurvival("largest") { lrs_tensor_create(&out, double, 1, [.max], nil, false) }
    expectSurvival("negative") { lrs_tensor_create(&out, double, 2, [2, -1], nil, false) }
    expectSurvival("broadcast") { self.apply("broadcast", [1], ["shape": [1e10, 1e10]]) }
    expectSurvival("broadcast") { self.apply("broadcast", [1], ["shape": [1e13]]) }
    expectSurvival("reshape") { self.apply("reshape", [4], ["shape": [9e18, 9e18]]) }
    expectSurvival("reshape") { self.apply("reshape", [4], ["shape": [-9e18, 2]]) }
    expectSurvival("outer sum") {
      var result: Handle?
      return applyStatus(&result, "add", [makeTensor([1 << 20, 1]), makeTensor([1, 1 << 24])])
    }
    expectSurvival("outer product") {
      var result: Handle?
      return applyStatus(&result, "matmul", [makeTensor([1 << 21, 1]), makeTensor([1, 1 << 21])])
    }
    expectSurvival("jvp of many tangents") {
      var result: Handle?
      let x = makeTensor([1], requiresGrad: true)
      let wide = applied("broadcast", [x], ["shape": [1_048_576]])
      return lrs_jvp(&result, wide, [x], [makeTensor([1 << 20, 1])], 1)
    }
  }

  func testExtremeArgumentsOfOperations() {
    expectSurvival("slice") {
      self.apply("slice", [4], ["bounds": [-9e18, 9e18, 1]])
    }
    expectSurvival("slice steps") {
      self.apply("slice", [4], ["bounds": [9e18, -9e18, -9.2e18]])
    }
    for padding in [9e18, 1e12] {
      expectSurvival("pooling") {
        self.apply("avg_pool2d", [1, 4, 4, 1], ["padding": [padding], "size": [2]])
      }
      expectSurvival("convolution") {
        var out: Handle?
        let inputs = [makeTensor([1, 4, 4, 1]), makeTensor([2, 2, 1, 1])]
        return applyStatus(&out, "conv2d", inputs, ["padding": [padding]])
      }
    }
    expectSurvival("pooling size") {
      self.apply("max_pool2d", [1, 4, 4, 1], ["size": [9e18], "stride": [1]])
    }
    expectSurvival("axis") { self.apply("sum", [4], ["axes": [-9e18]]) }
    expectSurvival("transpose") { self.apply("transpose", [4], ["axes": [9e18]]) }
    expectSurvival("argmax of nothing") { self.apply("argmax", [0], [:]) }
    expectSurvival("gather from nothing") {
      var out: Handle?
      return applyStatus(&out, "gather", [makeTensor([0, 3]), makeLabels([0])])
    }
  }

  /// A size_t beyond the largest Int.
  func testCountsThatCannotBe() {
    let tensor = makeTensor([2], [1, 2], requiresGrad: true)
    let optimizer = makeOptimizer("sgd")
    var out: Handle?
    var name: UnsafePointer<CChar>?
    var outs: [Handle?] = [nil]
    let (one, count): ([Handle?], Int) = ([tensor], -1)
    expectSurvival("inputs") { lrs_apply(&out, "exp", one, count, nil, 0) }
    expectSurvival("attributes") { lrs_apply(&out, "exp", one, 1, [lrs_attribute()], count) }
    expectSurvival("gradients") { lrs_gradients(&outs, tensor, tensor, one, count) }
    expectSurvival("record_begin") { lrs_record_begin(one, count) }
    expectSurvival("add_group") { lrs_optimizer_add_group(optimizer, one, [nil], count, nil, 0) }
    expectSurvival("rates") { lrs_optimizer_rates(nil, count, optimizer) }
    expectSurvival("load") { lrs_optimizer_load(optimizer, [nil], one, count) }
    expectSurvival("rank") { lrs_tensor_create(&out, 0, -1, [1], nil, false) }
    expectSurvival("rank") { lrs_tensor_create(&out, 0, .max, [1], nil, false) }
    XCTAssertTrue(
      holdsInChild { lrs_optimizer_state(&out, &name, optimizer, -1) != ok || name == nil }, "state: trapped")
    for handle in one { lrs_tensor_destroy(handle) }
    lrs_optimizer_destroy(optimizer)
  }

  func testRunsThatCannotBe() {
    let parameter = makeTensor([2], [1, 2], requiresGrad: true)
    let input = makeTensor([2])
    expectOK(lrs_record_begin([input], 1))
    let loss = applied("sum", [applied("mul", [parameter, input])])
    var program: Handle?
    expectOK(lrs_record_end(&program, [loss], 1))
    for (steps, batch) in [(-1, 2), (1, -1), (Int.max, 2), (2, .max), (-1, -1), (1, 3)] {
      expectSurvival("\(steps) steps of \(batch)") {
        var (done, losses, rates) = (0, [0.0], [0.0, 0, 0])
        return lrs_program_run(
          &done, &losses, &rates, program, nil, [input], 1, [0, 1, 0, 1], steps, batch, 1)
      }
    }
  }

  func testExtremeSettings() {
    func create(_ rate: String, _ arguments: [String: [Double]]) -> lrs_status {
      var out: Handle?
      return withAttributes(arguments) { lrs_optimizer_create(&out, "sgd", nil, 0, rate, $0, $1) }
    }
    expectSurvival("refind_every") { create("qlabgrad", ["refind_every": [1e300]]) }
    expectSurvival("steps_per_epoch") { create("tlr", ["steps_per_epoch": [1e300]]) }
    expectSurvival("per") { create("tlr", ["per": [1e300]]) }
    for settings in [["window_steps": [1e300]], ["window": [1e300], "steps_per_epoch": [10]]] {
      XCTAssertTrue(
        holdsInChild {
          guard create("tlr", settings) == ok else { return true }
          let parameter = makeTensor([2], [1, 2], requiresGrad: true)
          let optimizer = makeOptimizer("sgd", [:], "tlr", settings)
          guard addGroup(optimizer, [parameter], ["w"]) == ok else { return false }
          var request = lrs_request()
          for _ in 0..<3 {
            _ = lrs_tensor_set_grad(parameter, makeTensor([2], [1, 1]))
            _ = lrs_optimizer_begin(&request, optimizer, 1, true)
          }
          return true
        }, "\(settings) trapped")
    }
    expectSurvival("max_signals") {
      var out: Handle?
      return withAttributes(["max_signals": [1e300]]) { lrs_search_create(&out, $0, $1) }
    }
    expectSurvival("window of the finder") {
      var out: Handle?
      let optimizer = makeOptimizer("sgd")
      return withAttributes(["window": [1e300]]) { lrs_finder_create(&out, optimizer, makeSearch(), $0, $1) }
    }
  }

  /// The state of the random numbers may be set at any time, while recording too.
  func testRandomStateSetWhileRecording() {
    let x = makeTensor([4], [1, 1, 1, 1], requiresGrad: true)
    XCTAssertTrue(
      holdsInChild {
        lrs_random_set(1, 10)
        guard lrs_record_begin(nil, 0) == ok else { return false }
        lrs_random_set(1, 0)
        let loss = applied("sum", [applied("dropout", [x], ["p": [0.5]])])
        var program: Handle?
        _ = lrs_record_end(&program, [loss], 1)
        return true
      }, "trapped")
  }

  func testStateThatCannotBe() {
    for value in [Double.nan, .infinity, 1e300, -1e300, -1] {
      for key in ["step", "w.step", "skipped_steps", "rate.0.steps"] {
        XCTAssertTrue(
          holdsInChild {
            let parameter = makeTensor([2], [1, 2], requiresGrad: true)
            let optimizer = makeOptimizer("adam", [:], "qlabgrad", [:])
            guard addGroup(optimizer, [parameter], ["w"]) == ok else { return false }
            var (keys, tensors): ([UnsafePointer<CChar>?], [Handle?]) = ([], [])
            while true {
              var (out, name): (Handle?, UnsafePointer<CChar>?)
              guard lrs_optimizer_state(&out, &name, optimizer, keys.count) == ok else { return false }
              guard let name else { break }
              tensors.append(String(cString: name) == key ? makeTensor([], [value]) : out)
              keys.append(UnsafePointer(strdup(name)))
            }
            let status = lrs_optimizer_load(optimizer, keys, tensors, keys.count)
            return status != ok || key == "rate.0.steps"
          }, "\(key) = \(value)")
      }
    }
  }
}
