import CLRSwift
import Foundation
import XCTest

final class CatalogueJSONTests: XCTestCase {
  private func text(_ kind: String) -> String {
    var out: UnsafePointer<CChar>?
    expectOK(lrs_catalogue(&out, kind))
    return String(cString: out!)
  }

  /// An infinite default, which JSON cannot say, is read as a large number here; see the test of the standard.
  private func list(_ kind: String) throws -> [[String: Any]] {
    let text = text(kind).replacingOccurrences(of: "Infinity", with: "1e300")
    return try XCTUnwrap(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
  }

  func testEveryCatalogueIsStandardJSON() {
    for kind in [
      "operations", "directions", "hyperparameters", "rates", "schedules", "enumerations", "config",
    ] {
      XCTAssertNoThrow(try JSONSerialization.jsonObject(with: Data(text(kind).utf8)), kind)
    }
  }

  func testAnUnknownCatalogueIsNamed() {
    var out: UnsafePointer<CChar>?
    expect(LRS_VALUE_ERROR, "'losses'", "operations") { lrs_catalogue(&out, "losses") }
  }

  /// Every example of every operation can be applied as described.
  func testOperationsAreAsDescribed() throws {
    let operations = try list("operations")
    XCTAssertGreaterThan(operations.count, 30)
    for operation in operations {
      let name = try XCTUnwrap(operation["name"] as? String)
      XCTAssertTrue(
        ["linear", "bilinear", "pointwise", "fused", "plain"].contains(operation["family"] as? String))
      for example in try XCTUnwrap(operation["examples"] as? [[String: Any]]) {
        let shapes = try XCTUnwrap(example["shapes"] as? [[Int]])
        let attributes = try XCTUnwrap(example["attributes"] as? [String: Any])
        let known = try XCTUnwrap(operation["arguments"] as? [String])
        XCTAssertTrue(attributes.keys.allSatisfy(known.contains), name)
        let numbers = attributes.compactMapValues { $0 as? [Double] }
        guard numbers.count == attributes.count else { continue }
        let inputs: [Handle?] = shapes.map { shape in
          makeTensor(shape.map(Int64.init), [Double](repeating: 1.5, count: shape.reduce(1, *)))
        }
        var out: Handle?
        XCTAssertEqual(applyStatus(&out, name, inputs, numbers), ok, "\(name): \(lastError)")
        for handle in inputs + [out] { lrs_tensor_destroy(handle) }
      }
    }
  }

  private func arguments(_ card: [String: Any]) throws -> [String: [Double]] {
    var values: [String: [Double]] = [:]
    for argument in try XCTUnwrap(card["arguments"] as? [[String: Any]]) {
      for key in ["name", "bounds", "meaning"] { XCTAssertFalse((argument[key] as? String ?? "").isEmpty) }
      let name = try XCTUnwrap(argument["name"] as? String)
      let choices = try XCTUnwrap(argument["choices"] as? [String])
      guard choices.isEmpty else {
        XCTAssertEqual(argument["default"] as? String, choices[0])
        continue
      }
      let fallback = argument["default"] as? Double ?? (argument["default"] as? String).flatMap(Double.init)
      values[name] = [min(fallback ?? 0.01, 1e6)]
    }
    return values
  }

  func testDirectionsAndRatesCanBeMadeAsDescribed() throws {
    let directions = try list("directions")
    let rates = try list("rates")
    for card in directions + rates {
      for key in ["name", "title", "cost"] { XCTAssertFalse((card[key] as? String ?? "").isEmpty, "\(card)") }
    }
    for card in directions {
      lrs_optimizer_destroy(makeOptimizer(try XCTUnwrap(card["name"] as? String), try arguments(card)))
    }
    for card in rates {
      let name = try XCTUnwrap(card["name"] as? String)
      let direction = (card["directions"] as? [String])?.first ?? "sgd"
      let optimizer = makeOptimizer(direction, [:], name, try arguments(card))
      var probes = -1.0
      expectOK(lrs_optimizer_get(&probes, optimizer, "probes"))
      XCTAssertEqual(card["probes"] as? Bool, probes == 1, name)
      XCTAssertNotNil(card["needs_loss"] as? Bool)
      XCTAssertNotNil(card["uses_window"] as? Bool)
      let first = card["first_rate"] as? String
      XCTAssertEqual(
        first == nil,
        ["constant", "auto", "l4", "dog", "dowg", "sps", "d_adaptation", "prodigy"].contains(name))
      XCTAssertTrue(try first == nil || arguments(card).keys.contains(first!), name)
      XCTAssertEqual(
        (card["common"] as? [[String: Any]])?.prefix(2).map { $0["name"] as? String }, ["min_lr", "max_lr"])
      lrs_optimizer_destroy(optimizer)
    }
  }

  /// The families of hyperparameters are told once, and the arguments of directions name theirs.
  func testFamilies() throws {
    let families = try XCTUnwrap(
      JSONSerialization.jsonObject(with: Data(text("hyperparameters").utf8)) as? [String])
    XCTAssertEqual(families, ["learning_rates", "momentums", "weight_decays", "beta2s", "epsilons"])
    var named: [String: [String: String]] = [:]
    for card in try list("directions") {
      let name = try XCTUnwrap(card["name"] as? String)
      XCTAssertGreaterThan(try XCTUnwrap(card["rate"] as? Double), 0)
      XCTAssertEqual(card["variants"] as? [String], name == "sgd" ? ["nesterov"] : [])
      for argument in try XCTUnwrap(card["arguments"] as? [[String: Any]]) {
        guard let family = argument["family"] as? String else { continue }
        XCTAssertTrue(families.contains(family))
        named[name, default: [:]][try XCTUnwrap(argument["name"] as? String)] = family
      }
    }
    XCTAssertEqual(named["sgd"], ["momentum": "momentums", "weight_decay": "weight_decays"])
    XCTAssertEqual(
      named["adamw"],
      ["beta1": "momentums", "beta2": "beta2s", "epsilon": "epsilons", "weight_decay": "weight_decays"])
    XCTAssertEqual(
      named["rmsprop"],
      ["alpha": "beta2s", "epsilon": "epsilons", "momentum": "momentums", "weight_decay": "weight_decays"])
  }

  /// Bounds as numbers, choices as words, and what is usual over a direction.
  func testArgumentsSayWhatTheyAllow() throws {
    func argument(_ rate: String, _ name: String) throws -> [String: Any] {
      let card = try XCTUnwrap(list("rates").first { $0["name"] as? String == rate })
      let found = (card["arguments"] as? [[String: Any]])?.first { $0["name"] as? String == name }
      return try XCTUnwrap(found)
    }
    let gamma = try argument("l4", "gamma")
    XCTAssertEqual([gamma["low"], gamma["high"]] as? [Double], [0, 1])
    XCTAssertEqual(
      ["open_low", "open_high", "whole", "optional"].map { gamma[$0] as? Bool }, [false, true, false, false])
    XCTAssertEqual(try argument("tlr", "per")["choices"] as? [String], ["all", "group", "tensor", "pooled"])
    XCTAssertEqual(try argument("tlr", "restart")["optional"] as? Bool, true)
    XCTAssertEqual(try argument("qlabgrad", "refind_every")["whole"] as? Bool, true)
    XCTAssertEqual(try argument("qlabgrad", "max_ratio")["high"] as? String, "inf")
    XCTAssertEqual(try argument("schedule_free", "lr")["usual"] as? [String: Double], ["adamw": 0.0025])
  }

  func testTheConfigurationIsThatOfThisThread() throws {
    let before = lrs_get_threads()
    expectOK(lrs_set_threads(3))
    let object = try JSONSerialization.jsonObject(with: Data(text("config").utf8)) as? [String: Any]
    expectOK(lrs_set_threads(before))
    XCTAssertEqual(object?["threads"] as? Int, 3)
    XCTAssertFalse((object?["blas"] as? String ?? "").isEmpty)
  }
}
