//! From a syntax tree to what its statements do.

use std::fmt::{self, Write};
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CopySource, CopyTarget, Delete, Expr, FromTable, GrantObjects, ObjectName,
    ObjectNamePart, Query, SetExpr, Statement as Tree, TableFactor, TableObject, TableWithJoins, Value,
    Visit, Visitor, With, visit_expressions,
};

use super::Statement;

/// What the statements do.
pub(super) fn collect(trees: &[Tree]) -> Vec<Statement> {
    let mut collector = Collector::default();
    for tree in trees {
        let _ = tree.visit(&mut collector);
    }
    collector.statements
}

#[derive(Default)]
struct Collector {
    statements: Vec<Statement>,
    /// The statements around, by number; the innermost last.
    around: Vec<usize>,
    scopes: Vec<Scope>,
    /// Names of functions that stand where tables do.
    calls: Vec<*const ObjectName>,
    /// Where a query's body is a statement: it shares the query's entry.
    shared: Vec<(*const Tree, usize)>,
}

/// The names that a query's `WITH` introduces.
struct Scope {
    query: *const Query,
    names: Vec<(String, *const Query)>,
    /// How many of them count right now: the body of one sees only those before it.
    visible: usize,
    recursive: bool,
}

impl Collector {
    fn table(&mut self, name: &ObjectName) {
        self.named(spelled(name));
    }

    fn named(&mut self, table: String) {
        for at in &self.around {
            if let Some(statement) = self.statements.get_mut(*at)
                && !statement.tables.contains(&table)
            {
                statement.tables.push(table.clone());
            }
        }
    }

    fn function(&mut self, name: String) {
        for at in &self.around {
            if let Some(statement) = self.statements.get_mut(*at)
                && !statement.functions.contains(&name)
            {
                statement.functions.push(name.clone());
            }
        }
    }

    fn target(&mut self, target: &TableWithJoins) {
        if let TableFactor::Table { name, .. } = &target.relation {
            self.table(name);
        }
    }
}

impl Visitor for Collector {
    type Break = ();

    fn pre_visit_statement(&mut self, tree: &Tree) -> ControlFlow<()> {
        let known = self.shared.iter().find(|(shared, _)| std::ptr::eq(*shared, tree)).map(|(_, at)| *at);
        let at = known.unwrap_or(self.statements.len());
        if known.is_none() {
            self.statements.push(Statement { kind: kind(tree), writes: true, ..Statement::default() });
        }
        self.around.push(at);
        let inner = match tree {
            Tree::Query(query) => statement_in(query),
            _ => None,
        };
        if let Some(inner) = inner {
            self.shared.push((inner, at));
        }
        let shown = inner.unwrap_or(tree);
        if let Some(statement) = self.statements.get_mut(at) {
            statement.kind = kind(shown);
            statement.writes = writes(shown, &statement.kind);
            statement.has_where = has_where(shown);
        }
        written(self, tree);
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, _: &Tree) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(scope) = self.scopes.last_mut().filter(|scope| !scope.recursive)
            && let Some(at) = scope.names.iter().position(|(_, body)| std::ptr::eq(*body, query))
        {
            scope.visible = at;
        }
        let (names, recursive) = query.with.as_ref().map(names).unwrap_or_default();
        self.scopes.push(Scope { query, visible: names.len(), names, recursive });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.scopes.last().is_some_and(|scope| std::ptr::eq(scope.query, query)) {
            self.scopes.pop();
        }
        if let Some(scope) = self.scopes.last_mut()
            && scope.names.iter().any(|(_, body)| std::ptr::eq(*body, query))
        {
            scope.visible = scope.names.len();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } => {
                self.calls.push(name);
                self.function(spelled(name));
            }
            TableFactor::Function { name, .. } => self.function(spelled(name)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let table = spelled(relation);
        let introduced = self
            .scopes
            .iter()
            .any(|scope| scope.names.iter().take(scope.visible).any(|(name, _)| *name == table));
        let called = self.calls.iter().any(|call| std::ptr::eq(*call, relation));
        if !introduced && !called {
            self.named(table);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.function(spelled(&function.name));
        }
        ControlFlow::Continue(())
    }
}

fn names(with: &With) -> (Vec<(String, *const Query)>, bool) {
    let names = with
        .cte_tables
        .iter()
        .map(|table| (table.alias.name.value.to_lowercase(), std::ptr::from_ref(table.query.as_ref())))
        .collect();
    (names, with.recursive)
}

/// Lower case, without quotes, as far as it is qualified.
fn spelled(name: &ObjectName) -> String {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => ident.value.to_lowercase(),
        ObjectNamePart::Function(function) => function.to_string().to_lowercase(),
    };
    name.0.iter().map(part).collect::<Vec<_>>().join(".")
}

/// The `INSERT`, `UPDATE`, … that a query with `WITH` is about.
fn statement_in(query: &Query) -> Option<&Tree> {
    match query.body.as_ref() {
        SetExpr::Insert(tree) | SetExpr::Update(tree) | SetExpr::Delete(tree) | SetExpr::Merge(tree) => {
            Some(tree)
        }
        SetExpr::Query(query) => statement_in(query),
        _ => None,
    }
}

/// Takes the first word that is written, then stops the writing.
struct FirstWord(String);

impl Write for FirstWord {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if !c.is_ascii_alphabetic() {
                return if self.0.is_empty() { Ok(()) } else { Err(fmt::Error) };
            }
            self.0.push(c.to_ascii_lowercase());
        }
        Ok(())
    }
}

fn kind(tree: &Tree) -> String {
    if matches!(tree, Tree::Query(_)) {
        return "select".to_owned();
    }
    let mut word = FirstWord(String::new());
    // An error is how it stops.
    let _ = write!(word, "{tree}");
    match word.0.as_str() {
        "" => "other".to_owned(),
        "replace" => "insert".to_owned(),
        "start" => "begin".to_owned(),
        "exec" | "execute" => "call".to_owned(),
        "desc" | "describe" => "explain".to_owned(),
        _ => word.0,
    }
}

fn writes(tree: &Tree, kind: &str) -> bool {
    match tree {
        Tree::Query(query) => !into(&query.body).is_empty(),
        Tree::Set(_) => {
            let text = tree.to_string().to_ascii_lowercase();
            text.contains("global") || text.contains("persist")
        }
        _ => !matches!(
            kind,
            "explain" | "show" | "begin" | "commit" | "rollback" | "use" | "savepoint" | "release"
        ),
    }
}

/// The tables of `SELECT … INTO`; MySQL's variables are none.
fn into(body: &SetExpr) -> Vec<String> {
    match body {
        SetExpr::Select(select) => {
            select.into.iter().flat_map(|into| &into.targets).filter_map(column).collect()
        }
        SetExpr::Query(query) => into(&query.body),
        SetExpr::SetOperation { left, .. } => into(left),
        _ => Vec::new(),
    }
}

fn column(expr: &Expr) -> Option<String> {
    let parts: Vec<String> = match expr {
        Expr::Identifier(ident) => vec![ident.value.to_lowercase()],
        Expr::CompoundIdentifier(idents) => idents.iter().map(|ident| ident.value.to_lowercase()).collect(),
        _ => return None,
    };
    Some(parts.join(".")).filter(|name| !name.starts_with('@'))
}

/// The tables that the tree's own visitor does not pass: those written to, also where a name of
/// `WITH` hides them, and those of statements about whole objects.
fn written(collector: &mut Collector, tree: &Tree) {
    match tree {
        Tree::Query(query) => into(&query.body).into_iter().for_each(|table| collector.named(table)),
        Tree::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => collector.table(name),
            TableObject::TableFunction(function) => collector.function(spelled(&function.name)),
            TableObject::TableQuery(_) => {}
        },
        Tree::Update(update) => collector.target(&update.table),
        Tree::Delete(delete) => deleted(collector, delete),
        Tree::Merge(merge) => {
            if let TableFactor::Table { name, .. } = &merge.table {
                collector.table(name);
            }
        }
        Tree::Drop { names, table, .. } => names.iter().chain(table).for_each(|name| collector.table(name)),
        Tree::AlterView { name, .. } => collector.table(name),
        Tree::Call(function) => collector.function(spelled(&function.name)),
        Tree::Execute { name: Some(name), .. } => collector.function(spelled(name)),
        Tree::Copy { source, target, .. } => {
            if let CopySource::Table { table_name, .. } = source {
                collector.table(table_name);
            }
            if matches!(target, CopyTarget::Program { .. }) {
                collector.function("program".to_owned());
            }
        }
        Tree::Grant(grant) => granted(collector, grant.objects.as_ref()),
        Tree::Revoke(revoke) => granted(collector, revoke.objects.as_ref()),
        Tree::RenameTable(renames) => {
            renames.iter().for_each(|rename| {
                collector.table(&rename.old_name);
                collector.table(&rename.new_name);
            });
        }
        Tree::CreateView(view) => collector.table(&view.name),
        Tree::CreateTable(table) => collector.table(&table.name),
        Tree::CreateIndex(index) => collector.table(&index.table_name),
        _ => {}
    }
}

fn deleted(collector: &mut Collector, delete: &Delete) {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    from.iter().for_each(|target| collector.target(target));
}

fn granted(collector: &mut Collector, objects: Option<&GrantObjects>) {
    match objects {
        Some(GrantObjects::Tables(names) | GrantObjects::Views(names)) => {
            names.iter().for_each(|name| collector.table(name));
        }
        Some(
            GrantObjects::AllTablesInSchema { schemas: names }
            | GrantObjects::Schemas(names)
            | GrantObjects::Databases(names),
        ) => names.iter().for_each(|name| collector.named(format!("{}.*", spelled(name)))),
        _ => {}
    }
}

fn has_where(tree: &Tree) -> bool {
    match tree {
        Tree::Query(query) => body_has_where(&query.body),
        Tree::Update(update) => update.selection.as_ref().is_some_and(|condition| !always(condition)),
        Tree::Delete(delete) => delete.selection.as_ref().is_some_and(|condition| !always(condition)),
        Tree::Merge(merge) => !always(&merge.on),
        _ => false,
    }
}

fn body_has_where(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.selection.as_ref().is_some_and(|condition| !always(condition)),
        SetExpr::Query(query) => body_has_where(&query.body),
        SetExpr::SetOperation { left, right, .. } => body_has_where(left) && body_has_where(right),
        _ => false,
    }
}

/// Whether a condition plainly names no rows: it holds for all or for none.
fn always(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => always(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => always(left) || always(right),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => always(left) && always(right),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq | BinaryOperator::GtEq | BinaryOperator::LtEq,
            right,
        } if left == right => true,
        _ => visit_expressions(condition, |expr| match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => {
                ControlFlow::Break(())
            }
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_continue(),
    }
}
