import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// What the library knows of itself, as JSON.
func catalogueJSON(_ kind: String) throws -> String {
  switch kind {
  case "operations":
    return array(
      Catalogue.operations.map { operation in
        object([
          ("name", quoted(operation.name)), ("family", quoted(operation.family.rawValue)),
          ("arguments", array(operation.arguments.map(quoted))),
          ("examples", array(operation.examples.map(example))),
        ])
      })
  case "directions":
    return array(
      DirectionCatalogue.directions.map { direction in
        object(
          fields(direction.card) + [
            ("rate", number(direction.usualRate)),
            ("variants", array(direction.variants.map { quoted($0.name) })),
          ])
      })
  case "hyperparameters": return array(Hyperparameter.allCases.map { quoted($0.key) })
  case "rates":
    return array(
      RateCatalogue.machines.map { machine in
        object(
          fields(machine.card) + [
            ("probes", "\(machine.probes)"), ("needs_loss", "\(machine.needsLoss)"),
            ("uses_window", "\(machine.memories.contains(.window))"),
            ("directions", array(((machine as? any WholeMachine.Type)?.directions ?? []).map(quoted))),
            ("whole", "\(machine is any WholeMachine.Type)"),
            ("validates", "\(machine is any OnlineMachine.Type)"),
            ("first_rate", machine.firstRate.map(quoted) ?? "null"),
            ("common", array(RateChoice.common(machine).map(argument))),
          ])
      })
  case "schedules":
    return array(
      ScheduleCatalogue.schedules.map { schedule in
        object(fields(schedule.card) + [("lists", array(schedule.lists.map(quoted)))])
      })
  case "enumerations":
    return object(
      enumerations.map { name, cases in (name, object(cases.map { ($0.name, "\($0.number)") })) })
  case "config":
    let blas = blasDescription()
    let memory = MemoryUse.measure()
    return object([
      ("blas", quoted(blas.library)), ("blas_core", quoted(blas.core)),
      ("blas_complaint", blasComplaint().map(quoted) ?? "null"),
      ("gemm", quoted(gemmDescription())), ("gemm_kernels", array(Measure.gemmNames.map(quoted))),
      ("threads", "\(ThreadPool.shared.threads)"), ("threads_at_first", "\(DefaultThreads.process.count)"),
      ("threads_from", quoted(DefaultThreads.process.source)),
      ("threads_complaint", DefaultThreads.process.complaint.map(quoted) ?? "null"),
      ("instruction_set", quoted(instructionSet)),
      ("memory", "\(memory.now)"), ("peak_memory", "\(memory.peak)"),
    ])
  default:
    throw Failure.value(
      "there is no catalogue '\(kind)'; known: operations, directions, hyperparameters, rates, schedules, enumerations, "
        + "config"
    )
  }
}

#if arch(x86_64)
  private let instructionSet = "x86-64-v3"
#else
  private let instructionSet = "portable"
#endif

private func fields(_ card: Card) -> [(String, String)] {
  [
    ("name", quoted(card.name)), ("title", quoted(card.title)), ("about", quoted(card.about)),
    ("paper", quoted(card.paper)), ("cost", quoted(card.cost)),
    ("arguments", array(card.arguments.map(argument))),
  ]
}

private func argument(_ argument: Card.Argument) -> String {
  let word = argument.choices.first.map(quoted)
  let bounds = argument.bounds
  return object([
    ("name", quoted(argument.name)), ("default", word ?? argument.default.map(number) ?? "null"),
    ("bounds", quoted(argument.allowed)), ("meaning", quoted(argument.meaning)),
    ("low", number(bounds.low)), ("high", number(bounds.high)),
    ("open_low", "\(bounds.openLow)"), ("open_high", "\(bounds.openHigh)"), ("whole", "\(bounds.whole)"),
    ("choices", array(argument.choices.map(quoted))), ("optional", "\(argument.isOptional)"),
    ("usual", object(argument.usual.map { ($0, number($1)) })),
    ("family", argument.family.map { quoted($0.key) } ?? "null"),
  ])
}

private func example(_ example: Operation.Example) -> String {
  object([
    ("shapes", array(example.shapes.map { array($0.map(String.init)) })),
    ("domain", quoted("\(example.domain)")),
    (
      "attributes",
      object(
        example.attributes.sorted { $0.key < $1.key }.map { key, value in
          switch value {
          case .numbers(let numbers): (key, array(numbers.map(number)))
          case .text(let text): (key, quoted(text))
          }
        })
    ),
  ])
}

private func number(_ x: Double) -> String {
  // JSON has no infinity: it is spelled as a text that every language reads as one.
  x.isFinite ? "\(x)" : x > 0 ? "\"inf\"" : x < 0 ? "\"-inf\"" : "\"nan\""
}

private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

private func array(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }

private func object(_ items: [(String, String)]) -> String {
  "{" + items.map { "\(quoted($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
}
