// netcheck's rules and dashboards as a monitoring mixin (https://monitoring.mixins.dev).
//
//   jb install github.com/netcheck/netcheck@main
//   (import 'github.com/netcheck/netcheck/config/prometheus/mixin/mixin.libsonnet') + {
//     _config+:: { netcheckSelector: 'job=~"push-.*"', grafanaUrl: 'https://grafana.example.com' },
//   }
//
// rules.json is made of ../recording.yml and ../alerts.yml by `make rules`; the dashboards are those of ../../../dashboards.
local rules = import 'rules.json';

(import 'config.libsonnet') + {
  local config = self._config,
  local original = (import 'config.libsonnet')._config,

  local replaced(text, pairs) = std.foldl(function(text, pair) std.strReplace(text, pair[0], pair[1]), pairs, text),

  // A selector has double quotes in an expression, and single ones in a template's query.
  local inSingleQuotes(text) = std.strReplace(text, '"', "'"),
  local select(text) = replaced(text, [
    [quoted(original.netcheckSelector), quoted(config.netcheckSelector)]
    for quoted in [function(text) text, inSingleQuotes]
  ]),

  // GitHub shows a folder as `tree`, and a page in it as `blob`.
  local toRunbooks(text) = if config.runbookUrl == original.runbookUrl then text else replaced(text, [
    [std.strReplace(original.runbookUrl, '/blob/', kind), config.runbookUrl]
    for kind in ['/blob/', '/tree/']
  ]),

  local linksToRunbooks(value) =
    if std.isObject(value) then {
      [name]: if name == 'url' then toRunbooks(value[name]) else linksToRunbooks(value[name])
      for name in std.objectFields(value)
    } else if std.isArray(value) then std.map(linksToRunbooks, value) else value,

  // Not with std.findSubstr, which takes seconds.
  local isAboutAPath(annotations) = std.strReplace(annotations.summary, '$labels.path', '') != annotations.summary,

  local adaptedAnnotations(annotations) =
    { [name]: select(annotations[name]) for name in std.objectFields(annotations) }
    + { runbook_url: toRunbooks(annotations.runbook_url) }
    + if config.grafanaUrl == '' || !isAboutAPath(annotations) then {} else {
      dashboard_url: config.grafanaUrl + '/d/netcheck-path?var-site={{ $labels.site }}&var-path={{ $labels.path }}',
    },

  local adapted(rule) = rule { expr: select(rule.expr) } + if !std.objectHas(rule, 'alert') then {} else {
    labels+: { severity: config.severities[rule.labels.severity] },
    annotations: adaptedAnnotations(rule.annotations),
  },

  local groups(of) = { groups: [group { rules: [adapted(rule) for rule in group.rules] } for group in of.groups] },

  prometheusRules+:: groups(rules.recording),
  prometheusAlerts+:: groups(rules.alerts),
  grafanaDashboards+:: {
    [dashboard.uid + '.json']: dashboard { tags: config.dashboardTags }
    for dashboard in std.map(linksToRunbooks, [
      import '../../../dashboards/fleet.json',
      import '../../../dashboards/path.json',
      import '../../../dashboards/slo.json',
      import '../../../dashboards/netcheck.json',
    ])
  },
}
